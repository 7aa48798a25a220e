"""Finds outages in one probe's samples, with bounds that claim no more than they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubedrill.record.columns import Columns

SOONEST_OF = (
    100  # oks looked at for the earliest answer: 10 s at 10 Hz, longer than any request may take
)


@dataclass(frozen=True, slots=True)
class Run:
    """Failed requests that belong together.

    ``parts`` are split by oks that may have been served in between.

    ``lower`` and ``upper`` are the edges of the longest interval, in ns; see
    :class:`kubedrill.base.results.Outage`.
    """

    parts: tuple[tuple[Sample, ...], ...]
    lower: int
    upper: int
    open_start: bool
    open_end: bool

    @property
    def failures(self) -> tuple[Sample, ...]:
        """All failed requests in the order they were sent."""
        return tuple(sample for part in self.parts for sample in part)

    @property
    def shortest(self) -> int:
        """Nanoseconds that the service was out at least."""
        return max(part[-1].fired - part[0].fired for part in self.parts)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether the outage may have lasted at any time from ``start`` to ``end``."""
        return start <= self.upper and self.lower <= end

    def sound_ns(self, sound: Callable[[Sample, Sample | None], bool]) -> int:
        """The longest stretch of failures each of which is ``sound`` after the one before it (None.

        The first).
        """
        best = 0
        for part in self.parts:
            start: Sample | None = None
            before: Sample | None = None
            for sample in part:
                if not sound(sample, None):
                    start = before = None
                    continue
                if start is None or (before is not None and not sound(sample, before)):
                    start = sample
                before = sample
                best = max(best, sample.fired - start.fired)
        return best


def find_runs(samples: Columns) -> list[Run]:
    """Outages of one probe."""
    return [_bounded(samples, group) for group in _joined(samples)]


def seconds(nanoseconds: int) -> float:
    """Seconds, to the microsecond."""
    return round(nanoseconds / NS, 6)


def _joined(samples: Columns) -> list[list[tuple[int, int]]]:
    """Ranges of failures, joined when every ok between two was in flight as the later began."""
    groups: list[list[tuple[int, int]]] = []
    for first, last in samples.failing():
        begin = samples.fired[first]
        if groups and all(
            samples.done[index] > begin for index in range(groups[-1][-1][1] + 1, first)
        ):
            groups[-1].append((first, last))
        else:
            groups.append([(first, last)])
    return groups


def _bounded(samples: Columns, group: list[tuple[int, int]]) -> Run:
    first, last = group[0][0], group[-1][1]
    begin = samples.fired[first]
    ok = (index for index in range(first - 1, -1, -1) if not samples.outcomes[index])
    before = next((samples.fired[index] for index in ok if samples.done[index] <= begin), None)
    answers = list(_answers_after(samples, last))
    return Run(
        parts=tuple(tuple(samples[a : b + 1]) for a, b in group),
        lower=samples.fired[0] if before is None else before,
        upper=min(answers) if answers else max(samples.done[first:]),
        open_start=before is None,
        open_end=not answers,
    )


def _answers_after(samples: Columns, last: int) -> Iterator[int]:
    """When the oks after a failure were answered, up to the next failure."""
    for index in range(last + 1, min(last + 1 + SOONEST_OF, len(samples))):
        if samples.outcomes[index]:
            return
        yield samples.done[index]
