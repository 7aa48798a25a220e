"""Says which step was under way when a request failed."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubedrill.base.model import Sample, Span

STEP_LANES = ("step", "ansible")
BEFORE = "before any step"
AFTER = "after "
NAMED_HOSTS = 3  # a task that runs on more hosts at once is told by their number


class Steps:
    """The innermost step at any time: the one that began last.

    Where no step runs, the fault window.
    """

    def __init__(self, spans: Iterable[Span], last_time: int) -> None:
        closed = [(s, s.end if s.end is not None else last_time) for s in spans]
        self._steps = _Sweep([(s, end) for s, end in closed if s.lane in STEP_LANES])
        self._faults = _Sweep([(s, end) for s, end in closed if s.lane == "fault"])

    def at(self, time: int) -> str:
        """What ran at a time, as "cp2: etcd manifest swap"; "" when nothing did."""
        return self._steps.at(time) or self._faults.at(time)

    def of(self, sample: Sample) -> str:
        """What ran when a request was sent, else while it waited, else what had run last."""
        return self.at(sample.fired) or self.at(sample.done) or self._after(sample.fired)

    def _after(self, time: int) -> str:
        last = max((sweep.last(time) for sweep in (self._faults, self._steps)), default=(0, ""))[1]
        return f"{AFTER}{last}" if last else BEFORE

    def count(self, failures: Sequence[Sample]) -> dict[str, int]:
        """Failed requests of each step, in the order in which the steps were first hit."""
        return dict(Counter(self.of(sample) for sample in failures))


class _Sweep:
    """Labels of the innermost span between each two boundaries."""

    def __init__(self, spans: list[tuple[Span, int]]) -> None:
        self._bounds = sorted({t for span, end in spans for t in (span.start, end)})
        self._labels: list[str] = []
        waiting = sorted(spans, key=lambda pair: pair[0].start)
        active: list[tuple[Span, int]] = []
        position = 0
        for begin, _ in pairwise(self._bounds):
            while position < len(waiting) and waiting[position][0].start <= begin:
                active.append(waiting[position])
                position += 1
            active = [(span, end) for span, end in active if end > begin]
            self._labels.append(_label(active))

    def last(self, time: int) -> tuple[int, str]:
        """When the last span before a time ended, and its label; (0, "") when there was none."""
        for index in range(
            min(bisect_right(self._bounds, time) - 1, len(self._labels)) - 1, -1, -1
        ):
            if self._labels[index]:
                return self._bounds[index + 1], self._labels[index]
        return 0, ""

    def at(self, time: int) -> str:
        index = bisect_right(self._bounds, time) - 1
        if index == len(self._labels) and self._labels and time == self._bounds[-1]:
            index -= 1  # the last moment of the last span belongs to it
        return self._labels[index] if 0 <= index < len(self._labels) else ""


def during(step: str) -> str:
    """A step as the end of a sentence.

    >>> during("cp1: power cut"), during("after cp1: power cut")
    ('during cp1: power cut', 'after cp1: power cut')
    """
    return step if step == BEFORE or step.startswith(AFTER) else f"during {step}"


def _label(active: list[tuple[Span, int]]) -> str:
    if not active:
        return ""
    inner, _ = max(
        active, key=lambda pair: (pair[0].start, -pair[1], pair[0].lane, pair[0].subject)
    )
    hosts = sorted({s.subject for s, _ in active if s.lane == inner.lane and s.name == inner.name})
    who = ", ".join(hosts) if len(hosts) <= NAMED_HOSTS else f"{len(hosts)} hosts"
    return f"{who}: {inner.name}" if who else inner.name
