"""One run with all its drills: what every report file is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, DrillVerdict, Record, VerdictKind
from kubedrill.record.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Run:
    """Records and verdicts in the same order, and what was not run."""

    name: str
    records: tuple[Record, ...]
    verdicts: tuple[DrillVerdict, ...]
    not_run: dict[str, str]

    @property
    def drills(self) -> Iterator[tuple[Record, DrillVerdict]]:
        """Each drill's record with its verdict."""
        return zip(self.records, self.verdicts, strict=True)

    @property
    def verdict(self) -> VerdictKind:
        """The worst of all drills; a drill that was not run proves nothing: INCONCLUSIVE."""
        kinds = [v.verdict for v in self.verdicts] + [
            VerdictKind.INCONCLUSIVE for _ in self.not_run
        ]
        return VerdictKind.worst(kinds)

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.records[0].header.cluster if self.records else ""

    @property
    def seed(self) -> int | None:
        """The seed that the run's choices came from."""
        return self.records[0].header.seed if self.records else None


def began(record: Record) -> int:
    """When the record's time axis begins."""
    return min(
        record.header.started_mono,
        record.samples[0].due if record.samples else record.header.started_mono,
    )


def ended(record: Record) -> int:
    """When the last thing happened that the record knows of."""
    last = [record.header.started_mono + NS, record.ended_at or 0]
    last += [s.end or s.start for s in record.spans] + [e.at for e in record.events]
    return max(*last, Samples.of(record.samples).last_done)


def since(record: Record, time: int) -> float:
    """Seconds from the record's begin, to the millisecond."""
    return round((time - began(record)) / NS, 3)
