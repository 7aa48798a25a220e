"""Samples as columns, one set for each probe: 42 bytes a sample where objects take 490, and quick to look through.

Whoever reads samples one by one sees a sequence of :class:`~harness.model.Sample`; the verdict looks at whole columns.
"""

from __future__ import annotations

import heapq
import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, partial
from itertools import compress, count, islice, repeat
from operator import attrgetter, floordiv, ge, le, lt, sub
from typing import Any, Self, cast, overload

from harness.model import Sample

OK = "ok"
MOST_OUTCOMES = 256  # a byte each; a probe knows about thirty
_IS_OK = bytes([1]) + bytes(MOST_OUTCOMES - 1)
FEW = 10  # one in so many out of order is put in its place, more are sorted

Interval = tuple[int, int]


class _Codes(dict[str, int]):
    """Numbers for words, given as they come."""

    def __init__(self, first: str) -> None:
        super().__init__({first: 0})
        self.words = [first]

    def __missing__(self, word: str) -> int:
        if type(word) is not str:
            raise TypeError(f"found {word!r}, expected a word")
        self.words.append(word)
        return self.setdefault(word, len(self))


class Columns(Sequence[Sample]):
    """All samples of one probe; sorted by ``fired`` once :meth:`sort` was called."""

    def __init__(self, probe: str) -> None:
        self.probe = probe
        self.seq, self.due, self.fired, self.done = (array("q") for _ in range(4))
        self.outcomes = bytearray()  # 0 is ok
        self.servers = array("I")
        self._outcome, self._server = _Codes(OK), _Codes("")

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
        times = [array("q", column) for column in numbers]
        _, due, fired, done = times
        if not (all(map(le, due, fired)) and all(map(le, fired, done))):
            raise ValueError("a request was answered before it was sent, or sent before its tick was due")
        codes = [self._outcome[word] for word in dict.fromkeys(outcomes)]
        if max(codes, default=0) >= MOST_OUTCOMES:
            raise ValueError(f"more than {MOST_OUTCOMES} kinds of outcome; expected a few short words")
        by = array("I", map(self._server.__getitem__, servers))
        for column, values in zip((self.seq, self.due, self.fired, self.done), times, strict=True):
            column.extend(values)
        self.outcomes += bytes(map(self._outcome.__getitem__, outcomes))
        self.servers.extend(by)

    def sort(self) -> None:
        """Put samples in the order in which they were sent; they come in the order of their answers."""
        if not self._is_sorted() and not self._place_few():
            order = sorted(range(len(self)), key=self.seq.__getitem__)
            order.sort(key=self.fired.__getitem__)
            for name in _COLUMNS:
                column = getattr(self, name)
                kind = bytearray if name == "outcomes" else partial(array, column.typecode)
                setattr(self, name, kind(map(column.__getitem__, order)))

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
        for seq, due, fired, done, told, by in zip(*columns, strict=True):
            yield Sample(self.probe, seq, due, fired, done, outcome[told], server[by])

    def since(self, fired: int) -> Columns:
        """Those that were sent at a time or later."""
        first = bisect_left(self.fired, fired)
        return self if first == 0 else Columns.of(self[first:], self.probe)

    def between(self, start: int, end: int) -> range:
        """The places of those that were sent from ``start`` to ``end``."""
        return range(bisect_left(self.fired, start), bisect_right(self.fired, end))

    @property
    def failed(self) -> int:
        """How many did not succeed."""
        return len(self) - self.outcomes.count(0)

    def failing(self) -> Iterator[Interval]:
        """Places (first, last) of failures next to one another."""
        return ((found.start(), found.end() - 1) for found in re.finditer(rb"[^\x00]+", self.outcomes))

    def failing_also(self, failing: Iterable[bool], outcome: str) -> Columns:
        """The same samples, of which some more count as failures of a kind; nothing else of them is copied."""
        other, code = copy(self), self._outcome[outcome]
        other.outcomes = bytearray(told or also * code for told, also in zip(self.outcomes, failing, strict=True))
        return other

    @property
    def names_server(self) -> bool:
        """Whether any success says who answered."""
        return len(self._server) > 1 and any(
            by and not told for told, by in zip(self.outcomes, self.servers, strict=True)
        )

    @cached_property
    def took(self) -> array[int]:
        """Nanoseconds from sending to the answer or the failure."""
        return array("q", map(sub, self.done, self.fired))

    def ok_took(self) -> array[int]:
        """Nanoseconds that the successes took."""
        if not self.failed:
            return self.took
        return array("q", compress(self.took, self.outcomes.translate(_IS_OK)))

    @cached_property
    def ok_micros(self) -> dict[int, int]:
        """How many successes took so many whole microseconds."""
        return Counter(map(floordiv, self.ok_took(), repeat(1000)))

    def ok_percentile(self, share: float) -> int | None:
        """Microseconds within which a share (0 to 1) of the successes came; None without any."""
        wanted, seen = share * sum(self.ok_micros.values()), 0
        for micros in sorted(self.ok_micros):
            seen += self.ok_micros[micros]
            if seen >= wanted:
                return micros
        return None

    @cached_property
    def worst_lateness(self) -> int:
        """Nanoseconds that the latest tick was fired after its time; 0 without samples."""
        return max(map(sub, self.fired, self.due), default=0)

    def late(self, longest: int) -> bytes:
        """For each sample 1 where its tick was fired more than ``longest`` ns after its time, else 0."""
        if self.worst_lateness <= longest:
            return bytes(len(self))
        return bytes(map(longest.__lt__, map(sub, self.fired, self.due)))

    def spaces(self, longest: int) -> Iterator[Interval]:
        """Times from one tick to the next one that were longer than ``longest`` ns."""
        after = islice(self.fired, 1, None)
        if max(map(sub, after, self.fired), default=0) > longest:
            pairs = zip(self.fired, islice(self.fired, 1, None), strict=False)
            yield from ((before, later) for before, later in pairs if later - before > longest)

    def step(self, interval: int) -> int:
        """The largest jump (ns) of the ticks off a schedule of one every ``interval`` ns, in order of their numbers."""
        if self.is_whole and self.due == array("q", islice(count(self.due[0], interval), len(self))):
            return 0
        pairs: Iterable[tuple[int, int]] = zip(self.seq, self.due, strict=True)
        if not self._is_numbered():
            pairs = sorted(pairs)
        starts = array("q", (due - seq * interval for seq, due in pairs))
        steps = map(sub, islice(starts, 1, None), starts)
        return max(steps, key=abs, default=0)

    def numbered_twice(self) -> int | None:
        """A number that two samples have, if any."""
        if self._is_numbered():
            return None
        numbers = sorted(self.seq)
        return next((a for a, b in zip(numbers, islice(numbers, 1, None), strict=False) if a == b), None)

    @cached_property
    def is_whole(self) -> bool:
        """Whether the numbers follow one another, none missing, in the order in which they were sent."""
        return len(self) > 0 and self.seq == array("q", range(self.seq[0], self.seq[0] + len(self)))

    def _is_numbered(self) -> bool:
        return self.is_whole or all(map(lt, self.seq, islice(self.seq, 1, None)))

    def _is_sorted(self) -> bool:
        return all(map(lt, self.fired, islice(self.fired, 1, None)))

    def _place_few(self) -> bool:
        """Move the few that overtook others to their places; tell whether that was enough."""
        back = bytes(map(ge, self.fired, islice(self.fired, 1, None)))
        if back.count(1) * FEW > len(self):
            return False
        here = back.find(1)
        while here >= 0:
            here += 1
            while here < len(self) and self.fired[here] < self.fired[here - 1]:
                self._move(here, bisect_right(self.fired, self.fired[here], 0, here))
                here += 1
            here = back.find(1, here)
        return self._is_sorted()

    def _move(self, here: int, place: int) -> None:
        for name in _COLUMNS:
            column = getattr(self, name)
            column[place : here + 1] = column[here : here + 1] + column[place:here]


_COLUMNS = ("seq", "due", "fired", "done", "outcomes", "servers")


class Samples(Sequence[Sample]):
    """All samples of a record, in the order in which they were sent; ``by_probe`` has the columns of each probe."""

    def __init__(self, by_probe: dict[str, Columns]) -> None:
        self.by_probe = {name: columns for name, columns in by_probe.items() if len(columns)}

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Samples:
        """Samples of several probes as columns."""
        if isinstance(samples, Samples):
            return samples
        found: dict[str, list[Sample]] = {}
        for sample in samples:
            found.setdefault(sample.probe, []).append(sample)
        return cls({name: Columns.of(own, name) for name, own in found.items()})

    def __len__(self) -> int:
        return sum(map(len, self.by_probe.values()))

    def __iter__(self) -> Iterator[Sample]:
        return heapq.merge(*self.by_probe.values(), key=attrgetter("fired"))

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if index == 0 and self.by_probe:
            return min((columns[0] for columns in self.by_probe.values()), key=attrgetter("fired"))
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence):
            return len(self) == len(other) and all(a == b for a, b in zip(self, cast("Any", other), strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash((len(self), *self.by_probe))
