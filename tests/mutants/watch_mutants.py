"""An API that tells its clients something else than what happened."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import watchkit
from mutantkit import Called, on_record
from recordkit import at
from watchkit import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from recordkit import Kit

FAIL, INCONCLUSIVE, PASS = Called.FAIL, Called.INCONCLUSIVE, Called.PASS
WRITES = ("write", "conflict", "refused", "unknown")


def broken(how: Callable[[Ledger, random.Random], None], seed: int = 7) -> Ledger:
    """A ledger in which one thing is wrong, the same at each time."""
    ledger = Ledger(seed)
    how(ledger, random.Random(seed))  # noqa: S311 - what happens in a test
    return ledger


@on_record(PASS, "not one request failed")
def watches_that_break_and_go_on(_kit: Kit) -> Ledger:
    """Not broken: watches are opened again from their last revision, or after 410 Gone from a new
    list, and some writes are refused.
    """
    return Ledger(7)


@on_record(FAIL, "missed revision 1")
def an_event_that_never_comes(_kit: Kit) -> Ledger:
    """The watch through one API server leaves out one event."""
    return broken(watchkit.miss)


@on_record(FAIL, "repeated revision 1")
def an_event_that_comes_twice(_kit: Kit) -> Ledger:
    """The watch through one API server tells one event twice."""
    return broken(watchkit.repeat)


@on_record(FAIL, "gave out of order revision 1")
def events_in_the_wrong_order(_kit: Kit) -> Ledger:
    """The watch through one API server swaps two events."""
    return broken(watchkit.reorder)


@on_record(FAIL, "stale list: ")
def a_list_of_before(_kit: Kit) -> Ledger:
    """A list gives what was there before the last acknowledged write."""
    return broken(watchkit.list_stale)


@on_record(FAIL, "lost update: ")
def an_update_that_is_lost(_kit: Kit) -> Ledger:
    """A write on condition of a revision goes over one that came between."""
    return broken(watchkit.lose_update)


@on_record(FAIL, "had answered as conflict")
def a_refused_write_that_is_there(_kit: Kit) -> Ledger:
    """A write that was answered with 409 is applied all the same."""
    return broken(watchkit.apply_refused)


@on_record(FAIL, "with the watch open")
def a_watch_that_falls_silent(_kit: Kit) -> Ledger:
    """A watch stays open and tells nothing more."""
    return broken(watchkit.freeze, seed=0)


@on_record(INCONCLUSIVE, "the watch ledger cannot tell: nobody watched through cp2")
def a_server_that_nobody_watches(_kit: Kit) -> Ledger:
    """The header states four clients, and one of them only writes."""
    ledger = Ledger(7)
    ledger.lines = [
        line for line in ledger.lines if line.client != "cp2" or line.kind not in watchkit.STREAM
    ]
    return ledger


@on_record(INCONCLUSIVE, "the watch ledger cannot tell: ")
def a_ledger_that_is_missing(_kit: Kit) -> Ledger:
    """The header states a ledger, and the record has none."""
    ledger = Ledger(7)
    ledger.lines = []
    return ledger


@on_record(FAIL, "was written once and is there as revisions 1")
def a_write_that_comes_back(_kit: Kit) -> Ledger:
    """A content of long before is written again by nobody, and everybody is told."""
    return broken(watchkit.apply_again)


@on_record(INCONCLUSIVE, "the watch through cp2 was first opened while the cluster was drilled")
def a_server_that_is_watched_at_the_end(_kit: Kit) -> Ledger:
    """The watch through one server is opened when all is over, from a list, and misses nothing."""
    return broken(watchkit.watch_late)


@on_record(INCONCLUSIVE, "nobody listed through cp2 since the cluster was touched")
def a_server_that_nobody_lists(_kit: Kit) -> Ledger:
    """One server is listed before the fault only."""
    ledger = Ledger(7)
    ledger.lines = [
        line
        for line in ledger.lines
        if line.client != "cp2" or line.kind != "list" or line.done < at(5)
    ]
    return ledger


@on_record(INCONCLUSIVE, "no write was acknowledged after the cluster was drilled")
def writes_of_unknown_outcome(_kit: Kit) -> Ledger:
    """From the fault on nobody knows of any write whether it was applied."""
    ledger = Ledger(7)
    ledger.lines = [
        replace(line, kind="unknown", revision=0)
        if line.kind == "write" and line.done > at(7)
        else line
        for line in ledger.lines
    ]
    return ledger


@on_record(INCONCLUSIVE, "it has clients of 1 of 3 API servers")
def servers_that_have_no_client(_kit: Kit) -> watchkit.Recorded:
    """Two of three API servers are neither watched nor written to, and the header states it so."""
    ledger, some = Ledger(7), ("cp1", "endpoint")
    ledger.lines = [
        line if line.client in some else replace(line, client="endpoint")
        for line in ledger.lines
        if line.client in some or line.kind in WRITES
    ]
    record = ledger.record()
    host = {"labels": {"topology": "3+2"}}
    return watchkit.Recorded(
        replace(record, header=replace(record.header, watched=some, host=host))
    )


@on_record(INCONCLUSIVE, "nobody wrote through cp2 since the cluster was touched")
def a_writer_that_stalls(_kit: Kit) -> Ledger:
    """From the fault on nobody writes through one server, while the others go on."""
    ledger = Ledger(7)
    ledger.lines = [
        replace(line, client="cp1")
        if line.client == "cp2" and line.done > at(5) and line.kind in WRITES
        else line
        for line in ledger.lines
    ]
    return ledger


@on_record(INCONCLUSIVE, "of no two writes at once one was refused")
def writes_that_never_meet(_kit: Kit) -> Ledger:
    """No second client ever writes at the same time, so that no condition is put to the test."""
    ledger = Ledger(7)
    ledger.lines = [line for line in ledger.lines if line.kind != "conflict"]
    return ledger


@on_record(INCONCLUSIVE, "the watch through cp2 told no event since the cluster was touched")
def a_watch_that_only_lists(_kit: Kit) -> Ledger:
    """From the fault on a watch is always too old, and goes on from a new list each time."""
    ledger = Ledger(7)
    watchkit.list_only(ledger, "cp2", at(5))
    return ledger
