"""Judges the watch ledger: what the API told clients that kept watches, lists and writes.

A pure function of the record. Each rule compares one client's lines with the revisions that all
clients know, so that neither a slow host nor a lost connection breaks one: an event may come late,
but not never, twice, out of order, or after a list that should have had it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from kubedrill.base.model import NS
from kubedrill.base.results import Finding, VerdictKind
from kubedrill.verdict.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kubedrill.base.model import Record, Watched
    from kubedrill.verdict.view import View

FAIL, INCONCLUSIVE = VerdictKind.FAIL, VerdictKind.INCONCLUSIVE

# an open watch of a healthy cluster that was not told a revision for so long will not be
STALE_S = 10.0
# acknowledged writes that it takes to tell anything
ENOUGH = 5
# seconds without any attempt to write: nobody looked then
GAP_S = 10.0
END = "end"
DELETED = "deleted"
"""What the ledger has for the content of an object that was deleted."""

_ATTEMPTS = ("write", "conflict", "refused", "unknown")
_NOT_APPLIED = ("conflict", "refused")
_NAMED = 3
"""Of many revisions so many are named."""


def judge_watches(view: View) -> Iterator[Finding]:
    """Everything that speaks against what the API told its clients.

    Records that state no ledger are judged without it.
    """
    record = view.record
    if not record.header.watched:
        if record.watched:
            yield _doubt("it has lines, and the header states no clients")
        return
    ledger = _Ledger(record.watched)
    yield from _disagreements(ledger)
    yield from _lost_updates(ledger)
    yield from _stale_lists(ledger)
    for client in sorted({line.client for line in record.watched}):
        if client in record.header.watched:
            yield from _Stream(client, ledger).findings()
        else:
            yield _doubt(f"{client} is no client that the header states")
    if record.ended == "completed":
        yield from _foreign(ledger)
        yield from _coverage(view, ledger)
        for client in record.header.watched:
            yield from _end(client, ledger)


def describe_watches(record: Record) -> Iterator[str]:
    """What the ledger has, in one sentence; nothing where it was not kept."""
    if not record.header.watched:
        return
    kinds = Counter(line.kind for line in record.watched)
    again = Counter(line.client for line in record.watched if line.kind == "open")
    opened = sum(number - 1 for number in again.values())
    yield (
        f"watch ledger: {count(kinds['write'], 'write')} acknowledged, "
        f"{count(kinds['conflict'], 'conflict')}, {count(kinds['unknown'], 'unknown outcome')}, "
        f"{count(kinds['event'], 'event')} and {count(kinds['list'], 'list')} through "
        f"{', '.join(record.header.watched)}; watches opened again {opened} times, "
        f"{kinds['gone']} of them after a new list (410 Gone)"
    )


class _Ledger:
    """All lines, and what they know of the object: each revision, its content, who said so."""

    def __init__(self, lines: Iterable[Watched]) -> None:
        self.lines = sorted(lines, key=lambda line: line.done)
        self.values: dict[int, dict[str, str]] = {}  # revision: content: the client that told it
        self.known: dict[int, int] = {}  # revision: when it was first known
        for line in self.of_kind("write", "event", "list"):
            if revision := line.base if line.kind == "list" else line.revision:
                self.values.setdefault(revision, {}).setdefault(line.value, line.client)
                self.known.setdefault(revision, line.done)
        self._revisions = sorted(self.known)

    def between(self, after: int, before: int) -> list[int]:
        """The object's revisions after one and before another."""
        first, last = bisect_right(self._revisions, after), bisect_left(self._revisions, before)
        return self._revisions[first:last]

    def of_kind(self, *kinds: str) -> Iterator[Watched]:
        """Lines of some kinds, by when answers came."""
        return (line for line in self.lines if line.kind in kinds)

    def of_client(self, client: str) -> list[Watched]:
        """Lines of one client, by when answers came."""
        return [line for line in self.lines if line.client == client]


def _disagreements(ledger: _Ledger) -> Iterator[Finding]:
    for revision, values in ledger.values.items():
        if len(values) > 1:
            texts = " and ".join(f"{value!r} ({client})" for value, client in values.items())
            yield Finding(FAIL, f"the API gave revision {revision} two contents: {texts}")


def _lost_updates(ledger: _Ledger) -> Iterator[Finding]:
    """A write on condition of a revision that something stood between."""
    for line in ledger.of_kind("write"):
        if line.revision <= line.base:
            yield Finding(
                FAIL,
                f"{line.client} acknowledged a write to revision {line.base} as the older revision "
                f"{line.revision}",
            )
        lost = ledger.between(line.base, line.revision)
        if lost:
            yield Finding(
                FAIL,
                f"lost update: {line.client} acknowledged revision {line.revision} as made from "
                f"{line.base}, over {_names(lost)}",
            )


def _stale_lists(ledger: _Ledger) -> Iterator[Finding]:
    """A list has everything that anybody knew before it was asked for."""
    answers = [
        (line.done, line.base if line.kind == "list" else line.revision)
        for line in ledger.of_kind("write", "event", "list")
    ]
    times, newest, most = [], [], 0
    for done, revision in answers:
        most = max(most, revision)
        times.append(done)
        newest.append(most)
    for line in ledger.of_kind("list"):
        if not line.base and any(DELETED in values for values in ledger.values.values()):
            continue  # somebody took the object away, which is noted elsewhere
        before = bisect_left(times, line.sent)
        expected = newest[before - 1] if before else 0
        missing = ledger.between(line.base, line.revision + 1)
        if line.base < expected or line.revision < expected:
            yield Finding(
                FAIL,
                f"stale list: {line.client} listed revision {line.base} after revision "
                f"{expected} was known",
            )
        elif missing:
            yield Finding(
                FAIL,
                f"stale list: {line.client} listed revision {line.base} as of {line.revision}, "
                f"without {_names(missing)}",
            )


def _foreign(ledger: _Ledger) -> Iterator[Finding]:
    """Contents that nobody wrote, or that were refused."""
    attempts = {line.value: line for line in ledger.of_kind(*_ATTEMPTS)}
    first = next(iter(ledger.of_kind("list")), None)
    for revision in ledger.between(first.base if first else 0, 1 << 63):
        for value, client in ledger.values[revision].items():
            attempt = attempts.get(value)
            if value == DELETED:
                yield _doubt(f"the object was deleted at revision {revision}")
            elif attempt is None:
                yield Finding(
                    FAIL, f"{client} reported {value!r} at revision {revision}, which nobody wrote"
                )
            elif attempt.kind in _NOT_APPLIED:
                yield Finding(
                    FAIL,
                    f"{client} reported {value!r} at revision {revision}, which {attempt.client} "
                    f"had answered as {attempt.kind}",
                )


class _Stream:
    """What one client was told by its watches, in the order in which it was."""

    def __init__(self, client: str, ledger: _Ledger) -> None:
        self._client, self._ledger = client, ledger
        self._position: int | None = None
        self._is_open = self._is_gone = False
        self._seen: set[int] = set()
        self._listed: set[int] = set()
        self._missed: dict[int, None] = {}
        self._repeated: list[int] = []
        self._reordered: list[int] = []
        self._doubts: list[str] = []

    def findings(self) -> Iterator[Finding]:
        """What it missed, what came twice, what came in another order."""
        for line in self._ledger.of_client(self._client):
            if line.kind == "open":
                self._open(line)
            elif line.kind == "list":
                self._listed.add(line.revision)
            elif line.kind in ("event", "bookmark"):
                self._take(line)
            elif line.kind in ("closed", "gone"):
                self._is_open = False
                self._is_gone |= line.kind == "gone"
        missed = [revision for revision in self._missed if revision not in self._seen]
        for what, revisions in (
            ("missed", missed),
            ("repeated", self._repeated),
            ("gave out of order", self._reordered),
        ):
            if revisions:
                yield Finding(FAIL, f"the watch through {self._client} {what} {_names(revisions)}")
        for doubt in dict.fromkeys(self._doubts):
            yield _doubt(doubt)

    def _open(self, line: Watched) -> None:
        position = self._position
        # it goes on where it was, or from a list: as at the begin, and after 410 Gone
        is_new = position is None or self._is_gone
        if line.revision != position and not (is_new and line.revision in self._listed):
            self._doubts.append(
                f"the watch through {self._client} went on from {line.revision}, expected "
                f"{'a list' if is_new else position}"
            )
        self._position, self._is_open, self._is_gone = line.revision, True, False

    def _take(self, line: Watched) -> None:
        position, revision = self._position, line.revision
        if position is None or not self._is_open:
            self._doubts.append(f"{self._client} has an event of no watch")
            return
        if line.kind == "event" and (revision in self._seen or revision == position):
            self._repeated.append(revision)
            return
        if revision < position:
            self._reordered.append(revision)
            self._seen.add(revision)
            return
        # a bookmark says that everything up to it was told
        upto = revision + 1 if line.kind == "bookmark" else revision
        for missed in self._ledger.between(position, upto):
            if missed not in self._seen:
                self._missed.setdefault(missed)
        self._position = revision
        if line.kind == "event":
            self._seen.add(revision)


def _end(client: str, ledger: _Ledger) -> Iterator[Finding]:
    """Whether a client was told the newest revision, once all was healthy again."""
    lines = ledger.of_client(client)
    opened = [line for line in lines if line.kind == "open"]
    if not opened:
        yield _doubt(f"nobody watched through {client}")
        return
    last = lines[-1]
    if last.kind != "closed" or last.value != END:
        yield _doubt(f"the watch through {client} has no end")
        return
    reached = [line.revision for line in lines if line.kind in ("open", "event", "bookmark")]
    waiting = ledger.between(max(reached), 1 << 63)
    if not waiting:
        return
    waited = _open_ns(lines, ledger.known[waiting[0]]) / NS
    if waited >= STALE_S:
        yield Finding(
            FAIL,
            f"stale watch: {client} had not delivered {_names(waiting)} after {waited:.0f} s, with "
            "the watch open",
        )
    else:
        yield _doubt(
            f"the watch through {client} had not delivered {_names(waiting)} at the end; it was "
            f"open for {waited:.1f} s since then"
        )


def _open_ns(lines: Sequence[Watched], since: int) -> int:
    """How long a client's watch was open since a time."""
    opened, total = None, 0
    for line in lines:
        if line.kind == "open":
            opened = line.done
        elif line.kind in ("closed", "gone") and opened is not None:
            total += max(0, line.done - max(opened, since))
            opened = None
    return total


def _coverage(view: View, ledger: _Ledger) -> Iterator[Finding]:
    """Whether somebody wrote all the time that the cluster was drilled."""
    writes = sum(1 for _ in ledger.of_kind("write"))
    if writes < ENOUGH:
        yield _doubt(f"it has {count(writes, 'write')} acknowledged, expected {ENOUGH} or more")
        return
    times = sorted(line.sent for line in ledger.of_kind(*_ATTEMPTS))
    start, end = view.touched or (times[0], times[-1])
    seen = [min(start, times[0]), *times, max(end, times[-1])]
    longest = max(b - a for a, b in pairwise(seen) if b >= start and a <= end) / NS
    if longest > GAP_S:
        yield _doubt(f"nobody wrote for {longest:.1f} s while the cluster was drilled")


def _doubt(text: str) -> Finding:
    return Finding(INCONCLUSIVE, f"the watch ledger cannot tell: {text}")


def _names(revisions: Sequence[int]) -> str:
    names = ", ".join(map(str, revisions[:_NAMED]))
    more = len(revisions) - _NAMED
    return f"revision{'' if len(revisions) == 1 else 's'} {names}" + (
        f" and {more} more" if more > 0 else ""
    )
