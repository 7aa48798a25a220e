"""One run with all its drills: what every report file is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, Record
from kubedrill.base.results import DrillVerdict, VerdictKind
from kubedrill.record.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubedrill.base.plan import RunPlan


@dataclass(frozen=True)
class Run:
    """Records and verdicts in the same order, and what was not run.

    ``missing`` gives the reason for each drill that the run owes a verdict on: its record is lost,
    cannot be used, or was never begun. ``seals`` are the digests of records by drill.
    """

    name: str
    records: tuple[Record, ...]
    verdicts: tuple[DrillVerdict, ...]
    not_run: dict[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False
    plan: RunPlan | None = None
    seals: Mapping[str, str] = field(default_factory=dict)

    @property
    def drills(self) -> Iterator[tuple[Record, DrillVerdict]]:
        """Each drill's record with its verdict."""
        return zip(self.records, self.verdicts, strict=True)

    @property
    def verdict(self) -> VerdictKind:
        """The worst of all drills.

        A drill that was not run or is missing proves nothing: INCONCLUSIVE. An interrupted run is
        ABORTED.
        """
        kinds = [v.verdict for v in self.verdicts]
        kinds += [VerdictKind.INCONCLUSIVE for _ in self.without_verdict]
        kinds += [VerdictKind.ABORTED] if self.interrupted else []
        return VerdictKind.worst(kinds)

    @property
    def without_verdict(self) -> dict[str, str]:
        """The reason for each drill that has no verdict."""
        return {**self.not_run, **self.missing}

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        if self.records:
            return self.records[0].header.cluster
        return self.plan.cluster if self.plan else ""

    @property
    def seed(self) -> int | None:
        """The seed that the run's choices came from."""
        if self.records:
            return self.records[0].header.seed
        return self.plan.seed if self.plan else None


def began(record: Record) -> int:
    """When the record's time axis begins."""
    return min(
        record.header.started_mono,
        record.samples[0].due if record.samples else record.header.started_mono,
    )


def started_at(record: Record) -> datetime | None:
    """When the drill began by the clock on the wall.

    None where the header, whose time is for people and may hold anything, has no such time.
    """
    try:
        time = datetime.fromisoformat(record.header.started)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def wall_clock(record: Record, seconds: float = 0.0) -> datetime | None:
    """The clock on the wall, UTC, some seconds after the record's begin."""
    started = started_at(record)
    if started is None:
        return None
    before_s = (record.header.started_mono - began(record)) / NS
    try:
        return started + timedelta(seconds=seconds - before_s)
    except OverflowError:
        return None


def ended(record: Record) -> int:
    """When the last thing happened that the record knows of."""
    last = [record.header.started_mono + NS, record.ended_at or 0]
    last += [s.end or s.start for s in record.spans] + [e.at for e in record.events]
    return max(*last, Samples.of(record.samples).last_done)


def since(record: Record, time: int) -> float:
    """Seconds from the record's begin, to the millisecond."""
    return round((time - began(record)) / NS, 3)
