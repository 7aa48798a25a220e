"""Finds outages in the samples of one probe, with bounds that never claim more than the samples say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from harness.model import NS, Sample

Samples = Sequence[Sample]
SOONEST_OF = 100  # oks looked at for the earliest answer: 10 s at 10 Hz, longer than any request may take


@dataclass(frozen=True, slots=True)
class Run:
    """Failed requests that belong together. ``parts`` are split by oks that may have been served in between.

    ``lower`` and ``upper`` are the edges of the longest interval, in ns; see :class:`harness.model.Outage`.
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
        """The longest stretch of failures each of which is ``sound`` after the one before it (None: the first)."""
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


def find_runs(samples: Samples) -> list[Run]:
    """Outages of one probe; ``samples`` are sorted by ``fired``."""
    return [_bounded(samples, group) for group in _joined(samples, list(_failing(samples)))]


def seconds(nanoseconds: int) -> float:
    """Seconds, to the microsecond."""
    return round(nanoseconds / NS, 6)


def _failing(samples: Samples) -> Iterator[tuple[int, int]]:
    """Index ranges (first, last) of consecutive failures."""
    first: int | None = None
    for index, sample in enumerate(samples):
        if not sample.ok and first is None:
            first = index
        elif sample.ok and first is not None:
            yield first, index - 1
            first = None
    if first is not None:
        yield first, len(samples) - 1


def _joined(samples: Samples, ranges: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Join ranges when every ok between them was still in flight as the later one began."""
    groups: list[list[tuple[int, int]]] = []
    for first, last in ranges:
        begin = samples[first].fired
        if groups and all(ok.done > begin for ok in samples[groups[-1][-1][1] + 1 : first]):
            groups[-1].append((first, last))
        else:
            groups.append([(first, last)])
    return groups


def _bounded(samples: Samples, group: list[tuple[int, int]]) -> Run:
    first, last = group[0][0], group[-1][1]
    earlier = (samples[index] for index in range(first - 1, -1, -1))
    before = next((s for s in earlier if s.ok and s.done <= samples[first].fired), None)
    answers = [s.done for s in islice(_oks_after(samples, last), SOONEST_OF)]
    return Run(
        parts=tuple(tuple(samples[a : b + 1]) for a, b in group),
        lower=samples[0].fired if before is None else before.fired,
        upper=min(answers) if answers else max(s.done for s in samples[first:]),
        open_start=before is None,
        open_end=not answers,
    )


def _oks_after(samples: Samples, last: int) -> Iterator[Sample]:
    """The oks after a failure, up to the next failure."""
    for index in range(last + 1, len(samples)):
        if not samples[index].ok:
            return
        yield samples[index]
