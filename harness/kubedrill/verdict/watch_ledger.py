"""Judges the watch ledger: what the API told clients that kept watches, lists and writes.

A pure function of the record. Each rule compares one client's lines with the revisions that all
clients know, so that neither a slow host nor a lost connection breaks one: an event may come late,
but not never, twice, out of order, or after a list that should have had it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from kubedrill.base.model import ENDPOINT, NS
from kubedrill.base.results import Finding, VerdictKind
from kubedrill.verdict.watch_lines import ENDLESS, Ledger, make_doubt, name_revisions
from kubedrill.verdict.watch_stream import Stream, judge_end
from kubedrill.verdict.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import Record
    from kubedrill.verdict.view import View

FAIL = VerdictKind.FAIL

# acknowledged writes that it takes to tell anything
ENOUGH = 5
# seconds without any attempt to write: nobody looked then
GAP_S = 10.0
DELETED = "deleted"
"""What the ledger has for the content of an object that was deleted."""

_ATTEMPTS = ("write", "conflict", "refused", "unknown")
_NOT_APPLIED = ("conflict", "refused")


def judge_watches(view: View) -> Iterator[Finding]:
    """Everything that speaks against what the API told its clients.

    Records that state no ledger are judged without it.
    """
    record = view.record
    if not record.header.watched:
        if record.watched:
            yield make_doubt("it has lines, and the header states no clients")
        return
    ledger = Ledger(record.watched)
    yield from _disagreements(ledger)
    yield from _lost_updates(ledger)
    yield from _stale_lists(ledger)
    for client in sorted({line.client for line in record.watched}):
        if client in record.header.watched:
            yield from Stream(client, ledger).findings()
        else:
            yield make_doubt(f"{client} is no client that the header states")
    if record.ended == "completed":
        yield from _foreign(ledger)
        yield from _applied_again(ledger)
        for client in record.header.watched:
            yield from judge_end(client, ledger)
        yield from _coverage(view, ledger)


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


def _disagreements(ledger: Ledger) -> Iterator[Finding]:
    for revision, values in ledger.values.items():
        if len(values) > 1:
            texts = " and ".join(f"{value!r} ({client})" for value, client in values.items())
            yield Finding(FAIL, f"the API gave revision {revision} two contents: {texts}")


def _lost_updates(ledger: Ledger) -> Iterator[Finding]:
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
                f"{line.base}, over {name_revisions(lost)}",
            )


def _stale_lists(ledger: Ledger) -> Iterator[Finding]:
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
                f"without {name_revisions(missing)}",
            )


def _foreign(ledger: Ledger) -> Iterator[Finding]:
    """Contents that nobody wrote, or that were refused."""
    attempts = {line.value: line for line in ledger.of_kind(*_ATTEMPTS)}
    first = next(iter(ledger.of_kind("list")), None)
    for revision in ledger.between(first.base if first else 0, ENDLESS):
        for value, client in ledger.values[revision].items():
            attempt = attempts.get(value)
            if value == DELETED:
                yield make_doubt(f"the object was deleted at revision {revision}")
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


def _applied_again(ledger: Ledger) -> Iterator[Finding]:
    """Contents, each of which was written once, that came back as another revision."""
    written = {line.value for line in ledger.of_kind(*_ATTEMPTS)}
    revisions: dict[str, list[int]] = {}
    for revision in ledger.between(0, ENDLESS):
        for value in ledger.values[revision].keys() & written:
            revisions.setdefault(value, []).append(revision)
    for value, places in revisions.items():
        if len(places) > 1:
            yield Finding(
                FAIL, f"{value!r} was written once and is there as {name_revisions(places)}"
            )


def _coverage(view: View, ledger: Ledger) -> Iterator[Finding]:
    """Whether somebody wrote all the time that the cluster was drilled, and everybody looked."""
    writes = sum(1 for _ in ledger.of_kind("write"))
    if writes < ENOUGH:
        yield make_doubt(f"it has {count(writes, 'write')} acknowledged, expected {ENOUGH} or more")
        return
    times = sorted(line.sent for line in ledger.of_kind(*_ATTEMPTS))
    start, end = view.touched or (times[0], times[-1])
    seen = [min(start, times[0]), *times, max(end, times[-1])]
    longest = max(b - a for a, b in pairwise(seen) if b >= start and a <= end) / NS
    if longest > GAP_S:
        yield make_doubt(f"nobody wrote for {longest:.1f} s while the cluster was drilled")
    yield from _unwatched(view.record)
    if view.touched is not None:
        yield from _around(view, ledger, *view.touched)


def _unwatched(record: Record) -> Iterator[Finding]:
    """API servers that have no client: what nobody asked cannot have answered wrongly."""
    labels = record.header.host.get("labels")
    topology = labels.get("topology") if isinstance(labels, dict) else None
    planes = re.match(r"(\d{1,3})\+", str(topology))
    servers = set(record.header.watched) - {ENDPOINT}
    if planes and len(servers) < int(planes[1]):
        yield make_doubt(f"it has clients of {len(servers)} of {planes[1]} API servers")
    if ENDPOINT not in record.header.watched:
        yield make_doubt("it has no client of the cluster's endpoint")


def _around(view: View, ledger: Ledger, start: int, end: int) -> Iterator[Finding]:
    """Whether everybody looked when the drill touched the cluster, and writes went on after it."""
    if not any(line.done >= end for line in ledger.of_kind("write")):
        yield make_doubt("no write was acknowledged after the cluster was drilled")
    if not any(line.done >= start for line in ledger.of_kind("conflict")):
        yield make_doubt(
            "of no two writes at once one was refused since the cluster was touched, so none may "
            "have been on condition of a revision"
        )
    for client in view.record.header.watched:
        lines = ledger.of_client(client)
        opened = [line.done for line in lines if line.kind == "open"]
        if opened and min(opened) > start:
            yield make_doubt(
                f"the watch through {client} was first opened while the cluster was drilled, or "
                "later"
            )
        since = {line.kind for line in lines if line.done >= start}
        for missing, kinds in (
            (f"nobody listed through {client}", {"list"}),
            (f"nobody wrote through {client}", set(_ATTEMPTS)),
            (f"the watch through {client} told no event", {"event"}),
        ):
            if not since & kinds:
                yield make_doubt(f"{missing} since the cluster was touched")
