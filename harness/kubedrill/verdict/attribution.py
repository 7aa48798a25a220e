"""Says which steps were under way when a request failed."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from kubedrill.base.model import NS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from kubedrill.base.model import Sample, Span

    Closed = tuple[Span, int]  # a span and its end

LANES = ("step", "ansible", "fault")  # of two spans that began together, the first is inside
BEFORE = "before any step"
AFTER = "after "
NAMED_HOSTS = 3  # a task that runs on more hosts at once is named with their number
NAMED_STEPS = 3  # of more candidates than these, the others are counted
PROMPT_NS = NS // 10  # what failed within this time is laid to what ran when it was sent


class _Candidate(NamedTuple):
    """A step, and the hosts that were in it."""

    name: str
    hosts: frozenset[str]  # where they are few enough to be named
    number: int

    def joined(self, other: _Candidate) -> _Candidate:
        """The step at both times."""
        hosts = self.hosts | other.hosts
        number = max(self.number, other.number, len(hosts))
        return _Candidate(self.name, hosts, number)

    @property
    def text(self) -> str:
        named = self.number <= NAMED_HOSTS
        who = ", ".join(sorted(self.hosts)) if named else f"{self.number} hosts"
        return f"{who}: {self.name}" if who else self.name


class Steps:
    """The steps at any time: on each host the innermost one, which is the one that began last.

    Where no step runs, the fault window.
    """

    def __init__(self, spans: Iterable[Span], last_time: int) -> None:
        closed = [(s, s.end if s.end is not None else last_time) for s in spans if s.lane in LANES]
        starting: dict[int, list[Closed]] = defaultdict(list)
        ending: dict[int, list[Closed]] = defaultdict(list)
        for each in closed:
            starting[each[0].start].append(each)
            ending[each[1]].append(each)
        self._bounds = sorted(starting.keys() | ending.keys())
        self._candidates: list[tuple[_Candidate, ...]] = []  # from each bound to the next one
        self._instants: list[tuple[_Candidate, ...]] = []  # what began and ended at each bound
        self._ends: list[tuple[int, str]] = []
        active = _Active()
        for time in self._bounds:
            for each in starting[time]:
                active.add(each)
            at_bound = active.candidates()
            if ending[time]:
                self._ends.append((time, at_bound[0].text))
            for each in ending[time]:
                active.remove(each)
            instant = any(end == time for _, end in starting[time])
            self._instants.append(at_bound if instant else ())
            self._candidates.append(active.candidates())

    def of(self, sample: Sample) -> str:
        """The candidates of one failure, as "cp2: etcd manifest swap".

        All that ran while the request waited: any of them may be why it failed. Where nothing did,
        what had run last.
        """
        waited = sample.done - sample.fired > PROMPT_NS
        labels = self._between(sample.fired, sample.done if waited else sample.fired)
        if labels := labels or self._between(sample.fired, sample.done):
            more = len(labels) - NAMED_STEPS
            return " or ".join([*labels[:NAMED_STEPS], *([f"{more} more"] if more > 0 else [])])
        index = bisect_right(self._ends, sample.fired, key=lambda end: end[0]) - 1
        return f"{AFTER}{self._ends[index][1]}" if index >= 0 else BEFORE

    def count(self, failures: Sequence[Sample]) -> dict[str, int]:
        """Failed requests of each step, in the order in which the steps were first hit."""
        return dict(Counter(self.of(sample) for sample in failures))

    def _between(self, start: int, end: int) -> list[str]:
        """All candidates from one time to another, in order."""
        first = bisect_right(self._bounds, start) - 1
        periods = []
        if first >= 0:
            periods = [self._instants[first]] if self._bounds[first] == start else []
            periods.append(self._candidates[first])
        for index in range(first + 1, bisect_right(self._bounds, end)):
            periods += [self._instants[index], self._candidates[index]]
        joined: dict[str, _Candidate] = {}
        for period in periods:
            for each in period:
                before = joined.get(each.name, each)
                joined[each.name] = before if before is each else before.joined(each)
        return [each.text for each in joined.values()]


class _Active:
    """The spans that are under way. Naming them takes no look at every host."""

    def __init__(self) -> None:
        self._stacks: dict[tuple[str, str], list[Closed]] = defaultdict(list)  # by lane and host
        # the innermost span of each host, by lane and name
        self._named: dict[str, dict[str, dict[str, Closed]]] = defaultdict(dict)
        self._latest: list[tuple[bool, int, int, int, int, Closed]] = []
        self._ids: set[int] = set()

    def add(self, each: Closed) -> None:
        span, end = each
        key = (span.lane == "fault", -span.start, end, LANES.index(span.lane), id(each))
        heappush(self._latest, (*key, each))
        self._ids.add(id(each))
        self._restack(each, self._stacks[span.lane, span.subject].append)

    def remove(self, each: Closed) -> None:
        self._ids.discard(id(each))
        self._restack(each, self._stacks[each[0].lane, each[0].subject].remove)

    def _restack(self, each: Closed, change: Callable[[Closed], None]) -> None:
        lane, host = each[0].lane, each[0].subject
        stack, named = self._stacks[lane, host], self._named[lane]
        if stack:
            name = _innermost(stack)[0].name
            del named[name][host]
            if not named[name]:
                del named[name]
        change(each)
        if stack:
            inner = _innermost(stack)
            named.setdefault(inner[0].name, {})[host] = inner

    def candidates(self) -> tuple[_Candidate, ...]:
        """The innermost step of all, then those of other hosts that did not begin it."""
        while self._latest and self._latest[0][-2] not in self._ids:
            heappop(self._latest)
        if not self._latest:
            return ()
        latest = self._latest[0][-1][0]
        inner, end = _innermost(self._stacks[latest.lane, latest.subject])
        named = self._named[inner.lane]
        others = [
            name
            for name in sorted(named.keys() - {inner.name})
            if inner.lane == "ansible"
            or any(s.start > inner.start or e < end for s, e in named[name].values())
        ]
        return tuple(_candidate(name, named[name]) for name in [inner.name, *others])


def _innermost(stack: list[Closed]) -> Closed:
    return max(stack, key=lambda each: (each[0].start, -each[1]))


def _candidate(name: str, hosts: Collection[str]) -> _Candidate:
    return _Candidate(name, frozenset(hosts if len(hosts) <= NAMED_HOSTS else ()), len(hosts))


def during(steps: Mapping[str, int]) -> str:
    """Steps with their failed requests as the end of a sentence, most first.

    >>> during({"cp1: power cut": 3}), during({"after cp1: power cut": 3})
    ('during cp1: power cut', 'after cp1: power cut')
    >>> during({"cp2: etcd": 2, "cp2: API server": 6})
    'during cp2: API server (6 of 8), cp2: etcd (2 of 8)'
    """
    first, *rest = sorted(steps, key=lambda name: -steps[name])
    prefix = "" if first == BEFORE or first.startswith(AFTER) else "during "
    if not rest:
        return f"{prefix}{first}"
    total = sum(steps.values())
    shares = [f"{name} ({steps[name]:,} of {total:,})" for name in [first, *rest][:NAMED_STEPS]]
    more = len(steps) - NAMED_STEPS
    return f"{prefix}{', '.join(shares)}{f' and {more} more' if more > 0 else ''}"
