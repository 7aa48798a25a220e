"""An API that tells its clients something else than what happened."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import watchkit
from mutantkit import Called, on_record
from watchkit import Ledger

if TYPE_CHECKING:
    from recordkit import Kit

FAIL, INCONCLUSIVE, PASS = Called.FAIL, Called.INCONCLUSIVE, Called.PASS


def chance() -> random.Random:
    """The same choices each time."""
    return random.Random(7)  # noqa: S311 - what happens in a test


@on_record(PASS, "not one request failed")
def watches_that_break_and_go_on(_kit: Kit) -> Ledger:
    """Not broken: watches are opened again from their last revision, or after 410 Gone from a new
    list, and some writes are refused.
    """
    return Ledger(7)


@on_record(FAIL, "missed revision 1")
def an_event_that_never_comes(_kit: Kit) -> Ledger:
    """The watch through one API server leaves out one event."""
    ledger = Ledger(7)
    watchkit.miss(ledger, chance())
    return ledger


@on_record(FAIL, "repeated revision 1")
def an_event_that_comes_twice(_kit: Kit) -> Ledger:
    """The watch through one API server tells one event twice."""
    ledger = Ledger(7)
    watchkit.repeat(ledger, chance())
    return ledger


@on_record(FAIL, "gave out of order revision 1")
def events_in_the_wrong_order(_kit: Kit) -> Ledger:
    """The watch through one API server swaps two events."""
    ledger = Ledger(7)
    watchkit.reorder(ledger, chance())
    return ledger


@on_record(FAIL, "stale list: ")
def a_list_of_before(_kit: Kit) -> Ledger:
    """A list gives what was there before the last acknowledged write."""
    ledger = Ledger(7)
    watchkit.list_stale(ledger, chance())
    return ledger


@on_record(FAIL, "lost update: ")
def an_update_that_is_lost(_kit: Kit) -> Ledger:
    """A write on condition of a revision goes over one that came between."""
    ledger = Ledger(7)
    watchkit.lose_update(ledger, chance())
    return ledger


@on_record(FAIL, "had answered as conflict")
def a_refused_write_that_is_there(_kit: Kit) -> Ledger:
    """A write that was answered with 409 is applied all the same."""
    ledger = Ledger(7)
    watchkit.apply_refused(ledger, chance())
    return ledger


@on_record(FAIL, "with the watch open")
def a_watch_that_falls_silent(_kit: Kit) -> Ledger:
    """A watch stays open and tells nothing more."""
    ledger = Ledger(0)
    watchkit.freeze(ledger, random.Random(0))  # noqa: S311 - what happens in a test
    return ledger


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
