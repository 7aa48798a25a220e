"""Finds blind time: the host was slow, or ticks were late.

docs/explanation/verdict.md gives the reasons for the limits.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from kubedrill.base.model import NS
from kubedrill.record.flags import stretches
from kubedrill.verdict.outages import find_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from kubedrill.base.model import ProbeSpec, Sample
    from kubedrill.record.columns import Columns, Numbers

Interval = tuple[int, int]

# of an interval: a tick, or an answer on the host itself, that took more than this is blind
LATE_SHARE = 0.5
LATE_OF_TIMEOUT = 0.1  # with long intervals: ten such waits on a request's way use up its timeout
# an answer on the host that took longer waited for the host (10 ms where 1 ms is usual) ...
CROWDED_OF_TIMEOUT = 0.01
# ... and when one in ten did, most requests, which pass 10 processes and more, waited somewhere
CROWDED_SHARE = 0.1
CROWDED_TIMEOUTS = 10  # the time over which that share is taken, in timeouts
# a host that was slow for more than this share of a record is nowhere to judge a cluster from
MOSTLY = 0.5


class Windows:
    """Intervals of time, merged where they overlap."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        merged: list[Interval] = []
        for start, end in sorted(intervals):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        self._merged = merged
        self._starts = [start for start, _ in merged]

    def __iter__(self) -> Iterator[Interval]:
        return iter(self._merged)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether any of them has a moment in common with an interval.

        >>> Windows([(1, 3), (2, 5)]).overlaps(5, 9), Windows([(1, 3)]).overlaps(4, 9)
        (True, False)
        """
        index = bisect_right(self._starts, end) - 1
        return index >= 0 and self._merged[index][1] >= start

    def touching(self, starts: Numbers, ends: Numbers) -> NDArray[np.bool_]:
        """For many intervals at once, whether any of these has a moment in common with each."""
        bounds = np.array([(0, -1), *self._merged], np.int64)
        place = np.searchsorted(bounds[1:, 0], ends, "right")
        touched: NDArray[np.bool_] = (place > 0) & (bounds[place, 1] >= starts)
        return touched

    def covered(self, start: int, end: int) -> int:
        """How much of an interval they cover.

        >>> Windows([(1, 3), (8, 12)]).covered(2, 10)
        3
        """
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_right(self._starts, end)
        return sum(max(0, min(b, end) - max(a, start)) for a, b in self._merged[first:last])

    def share(self, start: int, end: int) -> float:
        """How much of an interval they cover, from 0 to 1.

        >>> Windows([(1, 3), (8, 12)]).share(0, 10)
        0.4
        """
        return self.covered(start, end) / (end - start) if end > start else 0.0

    def widened(self, start: int, end: int) -> Interval:
        """An interval with all windows that it touches.

        >>> Windows([(1, 3), (8, 9)]).widened(2, 5)
        (1, 5)
        """
        first = bisect_right(self._starts, start) - 1
        first += first < 0 or self._merged[first][1] < start
        last = bisect_right(self._starts, end) - 1
        if first > last:
            return start, end
        return min(start, self._merged[first][0]), max(end, self._merged[last][1])


def slow_host(samples: Columns, spec: ProbeSpec) -> Iterator[Interval]:
    """When the harness host was slow, told by a probe of a target outside the cluster.

    Slower is told from the probe's own fastest answer, so that a target far away is not a slow
    host.
    """
    fastest = samples.fastest
    longest = fastest + round(
        min(LATE_SHARE * spec.interval_s, LATE_OF_TIMEOUT * spec.timeout_s) * NS
    )
    also = samples.failing_also(samples.took > longest, "slow")
    # where the control probe asks rarely, one slow answer is no evidence of all the time around it
    near = round(spec.timeout_s * NS)
    for run in find_runs(also):
        done = max(failure.done for failure in run.failures)
        yield max(run.lower, run.failures[0].fired - near), min(run.upper, done + near)
    yield from _crowded(samples, spec, fastest + round(CROWDED_OF_TIMEOUT * spec.timeout_s * NS))


def _crowded(samples: Columns, spec: ProbeSpec, longest: int) -> Iterator[Interval]:
    """Stretches in which too many answers waited: from the first to the last of them."""
    span = round(CROWDED_TIMEOUTS * spec.timeout_s * NS)
    needed = max(2, round(CROWDED_SHARE * span / NS / spec.interval_s))
    waited = samples.longer_than(longest)
    for first, last in zip(waited, waited[needed - 1 :], strict=False):
        if samples.fired[last] - samples.fired[first] <= span:
            yield samples.fired[first], samples.done[last]


def late_ticks(samples: Columns, spec: ProbeSpec) -> Iterator[Interval]:
    """When a probe's ticks were late: from when the first was due until the last was fired."""
    for first, last in stretches(samples.late(late_ns(spec))):
        yield samples.due[first], samples.fired[last]


def late_ns(spec: ProbeSpec) -> int:
    """A tick is late when it was fired more than half an interval after its time."""
    return int(spec.interval_s * NS * LATE_SHARE)


def is_late(sample: Sample, spec: ProbeSpec) -> bool:
    """Whether a tick was late."""
    return sample.fired - sample.due > late_ns(spec)
