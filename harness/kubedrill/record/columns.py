"""Samples as columns, one set for each probe.

42 bytes a sample where objects take 490, and quick to look through.

Whoever reads samples one by one sees a sequence of :class:`~kubedrill.base.model.Sample`; the
verdict looks at whole columns, through numpy. Columns are kept as arrays of Python's own, so that
single values are plain numbers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, partial
from math import ceil
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from kubedrill.base.model import Sample
from kubedrill.record.coded import Coded, Codes, coded
from kubedrill.record.flags import Interval, stretches

OK = "ok"
MOST_OUTCOMES = 256  # a byte each; a probe knows about thirty

Numbers = NDArray[np.int64]


class Columns(Sequence[Sample]):
    """All samples of one probe; sorted by ``fired`` once :meth:`sort` was called."""

    def __init__(self, probe: str) -> None:
        self.probe = probe
        self.seq, self.due, self.fired, self.done = (array("q") for _ in range(4))
        self.outcomes = bytearray()  # 0 is ok
        self.servers = array("I")
        self._outcome, self._server = Codes(OK), Codes("")

    @classmethod
    def of(cls, samples: Iterable[Sample], probe: str = "") -> Self:
        """Columns of samples of one probe."""
        columns = cls(probe)
        rows = [(s.seq, s.due, s.fired, s.done, s.outcome, s.server) for s in samples]
        if rows:
            columns.extend(list(zip(*rows, strict=True)))
        columns.sort()
        return columns

    def extend(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add many samples, as six columns of one length: seq, due, fired, done, outcome, server.

        Raises:
            TypeError, ValueError, OverflowError: a value cannot be; nothing was added then.
        """
        *numbers, outcomes, servers = columns
        times = [
            np.frombuffer(array("q", column), np.int64) if column else _NONE for column in numbers
        ]
        self.extend_coded(times, coded(outcomes), coded(servers))

    def extend_coded(self, times: Sequence[Numbers], outcomes: Coded, servers: Coded) -> None:
        """Add many samples: seq, due, fired and done, and two columns of places in word lists.

        Raises:
            TypeError, ValueError: a value cannot be; nothing was added then.
        """
        _, due, fired, done = times
        if not ((due <= fired).all() and (fired <= done).all()):
            raise ValueError(
                "a request was answered before it was sent, or sent before its tick was due"
            )
        codes = self._outcome.of(outcomes)
        if len(self._outcome) > MOST_OUTCOMES:
            raise ValueError(
                f"more than {MOST_OUTCOMES} kinds of outcome; expected a few short words"
            )
        by = self._server.of(servers)
        for column, values in zip((self.seq, self.due, self.fired, self.done), times, strict=True):
            column.frombytes(np.ascontiguousarray(values).view(np.uint8).data)
        self.outcomes += codes.astype(np.uint8).tobytes()
        self.servers.frombytes(by.astype(np.uint32).tobytes())

    def sort(self) -> None:
        """Put samples, which come in the order of their answers, in that of their sending."""
        fired = _numbers(self.fired)
        if (fired[1:] > fired[:-1]).all():
            return
        order = np.lexsort((_numbers(self.seq), fired))
        for name, (kind, make) in _COLUMNS.items():
            setattr(self, name, make(np.frombuffer(getattr(self, name), kind)[order].tobytes()))

    def __len__(self) -> int:
        return len(self.seq)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return Sample(
            self.probe,
            self.seq[index],
            self.due[index],
            self.fired[index],
            self.done[index],
            self._outcome.words[self.outcomes[index]],
            self._server.words[self.servers[index]],
        )

    def __iter__(self) -> Iterator[Sample]:
        outcome, server = self._outcome.words, self._server.words
        columns = (self.seq, self.due, self.fired, self.done, self.outcomes, self.servers)
        for seq, due, fired, done, code, by in zip(*columns, strict=True):
            yield Sample(self.probe, seq, due, fired, done, outcome[code], server[by])

    def since(self, fired: int) -> Columns:
        """Those that were sent at a time or later."""
        return self.part(bisect_left(self.fired, fired), len(self))

    def part(self, first: int, end: int) -> Columns:
        """Those at the places from ``first`` to before ``end``."""
        if (first, end) == (0, len(self)):
            return self
        other = Columns(self.probe)
        other._outcome, other._server = self._outcome, self._server
        for name in _COLUMNS:
            setattr(other, name, getattr(self, name)[first:end])
        return other

    def outside(self, windows: Iterable[Interval]) -> Columns:
        """Those that were sent at no time of some intervals, which are sorted and lie apart."""
        edges = [0]
        for start, end in windows:
            edges += [bisect_left(self.fired, start), bisect_right(self.fired, end)]
        edges.append(len(self))
        other = self.part(0, edges[1])
        for first, last in zip(edges[2::2], edges[3::2], strict=True):
            other = copy(other)
            for name in _COLUMNS:
                setattr(other, name, getattr(other, name) + getattr(self, name)[first:last])
        return other

    def between(self, start: int, end: int) -> range:
        """The places of those that were sent from ``start`` to ``end``."""
        return range(bisect_left(self.fired, start), bisect_right(self.fired, end))

    @property
    def failed(self) -> int:
        """How many did not succeed."""
        return len(self) - self.outcomes.count(0)

    def failing(self) -> Iterator[Interval]:
        """Places (first, last) of failures next to one another."""
        return stretches(self.outcomes)

    def failing_also(self, failing: NDArray[np.bool_], outcome: str) -> Columns:
        """The same samples, of which some more count as failures of a kind.

        Nothing else of them is copied.
        """
        other, code = copy(self), self._outcome[outcome]
        other.outcomes = bytearray(
            np.where(self.outcome_codes > 0, self.outcome_codes, failing * np.uint8(code)).tobytes()
        )
        return other

    @property
    def names_server(self) -> bool:
        """Whether any success says who answered."""
        return len(self._server) > 1 and bool(
            np.frombuffer(self.servers, np.uint32)[self.oks].any()
        )

    @property
    def times(self) -> Numbers:
        """When each was sent (ns)."""
        return _numbers(self.fired)

    @property
    def outcome_codes(self) -> NDArray[np.uint8]:
        """The number of each outcome; 0 is ok."""
        return np.frombuffer(self.outcomes, np.uint8) if self.outcomes else np.zeros(0, np.uint8)

    @property
    def oks(self) -> NDArray[np.bool_]:
        """Which of them succeeded."""
        succeeded: NDArray[np.bool_] = self.outcome_codes == 0
        return succeeded

    def outcome(self, number: int) -> str:
        """The word for the number of an outcome."""
        return self._outcome.words[number]

    @property
    def took(self) -> Numbers:
        """Nanoseconds from sending to the answer or the failure."""
        return _numbers(self.done) - _numbers(self.fired)

    @property
    def from_due(self) -> Numbers:
        """Nanoseconds from when the tick was due to the answer or the failure."""
        return _numbers(self.done) - _numbers(self.due)

    @property
    def slowest_from_due(self) -> int:
        """Nanoseconds from its tick to the latest success; 0 without any."""
        return int(self.from_due[self.oks].max(initial=0))

    @property
    def ok_took(self) -> Numbers:
        """Nanoseconds that the successes took."""
        return self.took[self.oks] if self.failed else self.took

    @property
    def fastest(self) -> int:
        """Nanoseconds that the fastest success took; 0 without any."""
        took = self.ok_took
        return int(took.min()) if len(took) else 0

    @property
    def slowest(self) -> int:
        """Nanoseconds that the slowest success took; 0 without any."""
        return int(self.ok_took.max(initial=0))

    def longer_than(self, longest: int) -> list[int]:
        """The places of those that took more than ``longest`` ns."""
        places: list[int] = np.flatnonzero(self.took > longest).tolist()
        return places

    def ok_percentile(self, share: float) -> int | None:
        """Microseconds within which a share (0 to 1) of the successes came; None without any."""
        took = self.ok_took
        place = max(0, ceil(share * len(took)) - 1)
        return int(np.partition(took, place)[place]) // 1000 if len(took) else None

    def ok_in(self, micros: int) -> int:
        """How many successes took so many whole microseconds."""
        return int(np.count_nonzero(self.ok_took // 1000 == micros))

    @cached_property
    def last_done(self) -> int:
        """When the last answer or failure came; 0 without samples."""
        return int(_numbers(self.done).max(initial=0))

    @property
    def lateness(self) -> Numbers:
        """Nanoseconds that each tick was fired after its time."""
        return _numbers(self.fired) - _numbers(self.due)

    @property
    def worst_lateness(self) -> int:
        """Nanoseconds that the latest tick was fired after its time; 0 without samples."""
        return int(self.lateness.max(initial=0))

    def late(self, longest: int) -> bytes:
        """For each sample 1 where it was fired more than ``longest`` ns late, else 0."""
        return (self.lateness > longest).tobytes()

    def spaces(self, longest: int) -> Iterator[Interval]:
        """Times from one tick to the next one that were longer than ``longest`` ns."""
        fired = _numbers(self.fired)
        for place in np.flatnonzero(fired[1:] - fired[:-1] > longest).tolist():
            yield self.fired[place], self.fired[place + 1]

    def step(self, interval: int) -> int:
        """The largest jump (ns) of the ticks off a schedule of one every ``interval`` ns."""
        seq, due = _numbers(self.seq), _numbers(self.due)
        if not self._is_numbered():
            order = np.lexsort((due, seq))
            seq, due = seq[order], due[order]
        steps = np.diff(due - seq * interval)
        return int(steps[np.abs(steps).argmax()]) if len(steps) else 0

    def due_span(self) -> Interval:
        """Nanoseconds, and ticks by their numbers, from the first one that was due to the last."""
        if not len(self):
            return 0, 0
        seq, due = _numbers(self.seq), _numbers(self.due)
        return int(due.max() - due.min()), int(seq.max() - seq.min())

    def numbered_twice(self) -> int | None:
        """A number that two samples have, if any."""
        if self._is_numbered():
            return None
        numbers = np.sort(_numbers(self.seq))
        twice = numbers[1:][numbers[1:] == numbers[:-1]]
        return int(twice[0]) if len(twice) else None

    @cached_property
    def is_whole(self) -> bool:
        """Whether the numbers follow one another, in sending order, with none missing."""
        return len(self) > 0 and bool((np.diff(_numbers(self.seq)) == 1).all())

    def _is_numbered(self) -> bool:
        return bool((np.diff(_numbers(self.seq)) > 0).all())


_NONE = np.zeros(0, np.int64)
_COLUMNS: dict[str, tuple[type[np.generic], Callable[[bytes], Any]]] = {
    **{name: (np.int64, partial(array, "q")) for name in ("seq", "due", "fired", "done")},
    "servers": (np.uint32, partial(array, "I")),
    "outcomes": (np.uint8, bytearray),
}


def _numbers(column: array[int]) -> Numbers:
    """A column for numpy, not copied: while anybody holds it, the column cannot grow."""
    return np.frombuffer(column, np.int64) if column else _NONE
