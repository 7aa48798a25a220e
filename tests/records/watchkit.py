"""Builds watch ledgers as a healthy API makes them, and breaks them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from recordkit import Kit, at

from kubedrill.base.model import ENDPOINT, NS, Record, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENTS = ("cp1", "cp2", "cp3", ENDPOINT)
BEGUN_S, WRITTEN_S, ENDED_S = 1.0, 19.0, 31.0
STREAM = ("open", "event", "bookmark", "gone", "closed")


@dataclass
class _Client:
    name: str
    position: int = 0
    waiting: list[tuple[int, str]] = field(default_factory=list)
    is_open: bool = False


@dataclass(frozen=True)
class Recorded:
    """A record that is made already."""

    made: Record

    def record(self) -> Record:
        """The record."""
        return self.made


class Ledger:
    """Eighteen seconds of two conditional writes each quarter of a second, and who was told."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - what happens in a test
        self._now, self._revision, self._object = at(BEGUN_S), 1_000, (1_000, "of before")
        self._clients = [_Client(name) for name in CLIENTS]
        self.lines: list[Watched] = []
        for client in self._clients:
            self._list(client)
            client.position = self._revision
            self._open(client)
        number = 0
        while self._now < at(WRITTEN_S):
            number += 1
            self._write(number)
            for client in self._clients:
                self._live(client)
        for client in self._clients:
            self._live(client, is_last=True)
        self._now = at(ENDED_S)
        for client in self._clients:
            self._put(client, "closed", value="end")

    def record(self) -> Record:
        """The ledger as part of a healthy record."""
        kit = Kit(lasts_s=32.0)
        kit.header = replace(kit.header, watched=CLIENTS)
        return replace(kit.record(), watched=tuple(sorted(self.lines, key=lambda s: s.done)))

    def of(self, kind: str) -> Iterator[Watched]:
        """Its lines of a kind."""
        return (line for line in self.lines if line.kind == kind)

    def stream(self, client: str) -> list[Watched]:
        """What the watch of a client was told, in order."""
        return [s for s in self.lines if s.client == client and s.kind in STREAM]

    def put_in(self, old: Watched, *new: Watched) -> None:
        """Put others in the place of a line."""
        place = self.lines.index(old)
        self.lines[place : place + 1] = new

    def _put(self, client: _Client, kind: str, sent: int = 0, **columns: object) -> None:
        self._now += self._rng.randrange(1, 3_000_000)
        values = {"revision": 0, "base": 0, "value": "", **columns}
        self.lines.append(
            Watched(client.name, kind, sent or self._now, self._now, **values)  # type: ignore[arg-type]
        )

    def _list(self, client: _Client) -> None:
        sent = self._now
        revision, value = self._object
        self._put(client, "list", sent, revision=self._revision, base=revision, value=value)

    def _open(self, client: _Client) -> None:
        self._put(client, "open", revision=client.position)
        client.is_open = True

    def _write(self, number: int) -> None:
        first, second = self._rng.sample(self._clients, 2)
        base, sent = self._object[0], self._now
        value, other = f"{number}-a", f"{number}-b"
        is_down = self._rng.random() < 0.1
        if is_down:
            kinds = [self._rng.choice(["refused", "unknown"]) for _ in range(2)]
            for client, kind, each in zip((first, second), kinds, (value, other), strict=True):
                self._put(client, kind, sent, base=base, value=each)
        else:
            self._revision += self._rng.randrange(1, 5)
            self._object = (self._revision, value)
            for client in self._clients:
                client.waiting.append(self._object)
            if self._rng.random() < 0.15:
                self._put(first, "unknown", sent, base=base, value=value)
            else:
                self._put(first, "write", sent, revision=self._revision, base=base, value=value)
            kind = self._rng.choice(["conflict", "conflict", "conflict", "unknown"])
            self._put(second, kind, sent, base=base, value=other)
        self._now += NS // 4

    def _live(self, client: _Client, *, is_last: bool = False) -> None:
        rng = self._rng
        if not client.is_open:
            if rng.random() < 0.5 and not is_last:
                return
            self._open(client)
        given = len(client.waiting) if is_last else rng.randrange(0, len(client.waiting) + 1)
        for revision, value in client.waiting[:given]:
            self._put(client, "event", revision=revision, value=value)
            client.position = revision
        del client.waiting[:given]
        if is_last:
            return
        event = rng.random()
        if event < 0.05:
            self._put(client, "closed", value="reset")
            client.is_open = False
        elif event < 0.08:
            self._put(client, "gone", revision=client.position)
            self._list(client)
            client.position = self._revision
            client.waiting.clear()
            self._open(client)
        elif event < 0.14 and not client.waiting:
            client.position = self._revision
            self._put(client, "bookmark", revision=self._revision)
        elif event < 0.3:
            self._list(client)


def _followed(ledger: Ledger, *kinds: str) -> list[tuple[Watched, Watched]]:
    """Events, each with what the same watch was told next, where that is of some kinds."""
    pairs = []
    for client in CLIENTS:
        stream = ledger.stream(client)
        pairs += [
            (a, b)
            for a, b in pairwise(stream)
            if a.kind == "event" and (b.kind in kinds or (b.kind, b.value) == ("closed", "end"))
        ]
    return pairs


def miss(ledger: Ledger, rng: random.Random) -> None:
    """An event never comes, though later ones do."""
    event, _ = rng.choice(_followed(ledger, "event", "bookmark"))
    ledger.put_in(event)


def repeat(ledger: Ledger, rng: random.Random) -> None:
    """An event comes twice."""
    event = rng.choice(list(ledger.of("event")))
    ledger.put_in(event, event, replace(event, sent=event.done, done=event.done + 1))


def reorder(ledger: Ledger, rng: random.Random) -> None:
    """Two events come in the wrong order."""
    pairs = [pair for pair in _followed(ledger, "event") if pair[1].kind == "event"]
    first, second = rng.choice(pairs)
    later, sooner = (
        replace(first, revision=second.revision, value=second.value),
        replace(second, revision=first.revision, value=first.value),
    )
    ledger.put_in(first, later)
    ledger.put_in(second, sooner)


def list_stale(ledger: Ledger, rng: random.Random) -> None:
    """A list gives what was there before the last write that was known when it was asked for."""
    lists = [
        (line, known)
        for line in ledger.of("list")
        for known in [
            [s for s in ledger.lines if s.kind in ("write", "event") and s.done < line.sent]
        ]
        if known and max(s.revision for s in known) == line.base
    ]
    line, known = rng.choice(lists)
    older = sorted({s.revision for s in known} | {1_000})[-2]
    back = rng.choice([older, line.revision])
    ledger.put_in(line, replace(line, base=older, revision=back, value=_value(ledger, older)))


def lose_update(ledger: Ledger, rng: random.Random) -> None:
    """A write is acknowledged as made from a revision that another one had followed."""
    writes = list(ledger.of("write"))
    place = rng.randrange(1, len(writes))
    ledger.put_in(writes[place], replace(writes[place], base=writes[place - 1].base))


def acknowledge_both(ledger: Ledger, rng: random.Random) -> None:
    """Both of two writes on condition of one revision are acknowledged."""
    conflict = rng.choice(list(ledger.of("conflict")))
    after = [s.revision for s in ledger.lines if s.revision > conflict.base]
    ledger.put_in(conflict, replace(conflict, kind="write", revision=min(after)))


def apply_refused(ledger: Ledger, rng: random.Random) -> None:
    """A write that was answered as a conflict is there."""
    write = rng.choice(list(ledger.of("write")))
    ledger.put_in(write, replace(write, kind="conflict", revision=0))


def invent(ledger: Ledger, rng: random.Random) -> None:
    """An event has a content that nobody wrote."""
    event = rng.choice(list(ledger.of("event")))
    ledger.put_in(event, replace(event, value="invented"))


def freeze(ledger: Ledger, rng: random.Random) -> None:
    """A watch that stays open tells nothing more, to the end."""
    client = rng.choice(CLIENTS)
    stream = ledger.stream(client)
    last = max(place for place, line in enumerate(stream) if line.kind in ("open", "closed", "gone")
               and line.value != "end")  # fmt: skip
    after = [line for line in stream[last:] if line.kind in ("event", "bookmark")]
    for line in after:
        ledger.put_in(line)
    if not after:
        miss(ledger, rng)


def go_back(ledger: Ledger, rng: random.Random) -> None:
    """A watch that goes on after a while tells an event of long before."""
    event, later = rng.choice(_followed(ledger, "event"))
    if later.kind != "event":
        later = event
    ledger.put_in(later, later, replace(event, sent=later.done + 1, done=later.done + 1))


def apply_again(ledger: Ledger, rng: random.Random) -> None:
    """A write of before is applied once more at the end, and everybody is told."""
    write = rng.choice(list(ledger.of("write"))[:-1])
    revision = max(s.revision for s in ledger.lines) + 1
    for end in [s for s in ledger.of("closed") if s.value == "end"]:
        again = replace(end, kind="event", sent=end.done - 2, done=end.done - 2)
        ledger.put_in(end, replace(again, revision=revision, value=write.value), end)


def watch_late(ledger: Ledger, rng: random.Random) -> None:
    """A watch is opened for the first time when the writing is over."""
    del rng
    end = ledger.stream("cp2")[-1]
    for line in ledger.stream("cp2"):
        ledger.put_in(line)
    newest = max(
        (s for s in ledger.lines if s.kind in ("write", "event")), key=lambda s: s.revision
    )
    listed = Watched(
        "cp2", "list", at(20), at(20) + 1, newest.revision, newest.revision, newest.value
    )
    opened = replace(listed, kind="open", sent=at(20) + 2, done=at(20) + 3, base=0, value="")
    ledger.lines += [listed, opened, end]


def list_only(ledger: Ledger, client: str, since: int) -> None:
    """From a time on a watch is told 410 Gone instead of events, and goes on from a list."""
    for line in [s for s in ledger.stream(client) if s.done > since and s.value != "end"]:
        ledger.put_in(line)
    newest = max((s for s in ledger.of("event")), key=lambda s: s.revision)
    last = replace(newest, kind="list", sent=at(20), done=at(20), base=newest.revision)
    for listed in [*(s for s in ledger.of("list") if s.sent > since), last]:
        old = replace(listed, client=client, done=listed.done + 1)
        gone = replace(old, kind="gone", sent=listed.sent, done=listed.sent, base=0, value="")
        opened = replace(gone, kind="open", sent=old.done + 1, done=old.done + 1)
        ledger.lines += [gone, old, opened]


BREAKS: tuple[Callable[[Ledger, random.Random], None], ...] = (
    miss, repeat, reorder, list_stale, lose_update, acknowledge_both, apply_refused, invent, freeze,
    go_back, apply_again,
)  # fmt: skip


def _value(ledger: Ledger, revision: int) -> str:
    if revision == 1_000:
        return "of before"
    return next(
        s.value for s in ledger.lines if s.kind in ("write", "event") and s.revision == revision
    )
