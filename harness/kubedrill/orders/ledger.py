"""The ledger: what was written, what was answered, what was read back.

And what became of each order. All pure.

A write is *acknowledged*, *refused* or *unknown* (no answer, or one that leaves it open). At the
end all is read back:

========== ============================================================================
stable     acknowledged, there once, and seen soon after
late       acknowledged, there once, but seen only after more than ``late_s``
lost       acknowledged and not there: FAIL, always
duplicated there more than once, whatever was answered: FAIL, always
phantom    refused, but there: the answer was wrong, FAIL
recovered  unknown and there once: fine
dropped    unknown and not there: fine
========== ============================================================================
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, Check
from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"
WRONG_ANSWER = "wrong-answer"
"""Outcome of a read that was answered with status 200 and something else than its order."""
LATE_S = 5.0
"""Seconds: an order is stored within a fraction of one; a failover of the database takes some."""
FATES = ("stable", "late", "lost", "duplicated", "phantom", "recovered", "dropped")
_SHOWN = 5


@dataclass(slots=True)
class Write:
    """One order that was sent, perhaps several times with one key.

    Times are nanoseconds of CLOCK_MONOTONIC.

    ``due`` is when it should have been sent, ``sent`` when it was; ``done`` when its last answer
    came, 0 for none.
    """

    key: str
    due: int
    sent: int
    outcome: str = UNKNOWN
    done: int = 0
    detail: str = ""
    server: str = ""

    def answer(self, outcome: str, at: int, detail: str = "", server: str = "") -> None:
        """Note one attempt's answer.

        Acknowledged once is acknowledged, and refused counts only if all were refused.

        >>> write = Write("k", 0, 0)
        >>> for outcome in (REFUSED, UNKNOWN, REFUSED): write.answer(outcome, 1)
        >>> write.outcome
        'unknown'
        """
        if self.outcome == ACKNOWLEDGED:
            return
        agrees = outcome == ACKNOWLEDGED or not self.done or self.outcome == outcome
        self.outcome = outcome if agrees else UNKNOWN
        self.done, self.detail, self.server = at, detail, server


@dataclass(slots=True)
class Ledger:
    """All that one run of traffic wrote and read.

    ``seen`` is when a reader that follows the list saw a key first. ``found`` is how often the
    read-back at the end found it, None until everything was read back. ``altered`` are keys of
    orders that are not as they were sent, None where nobody compared them. ``skipped`` counts
    writes that were due and never sent: the host was too slow. ``failed`` counts single requests to
    write that were not acknowledged, by what was seen: a write whose repetition was acknowledged is
    an acknowledged one, and counts here too.
    """

    writes: dict[str, Write] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    read_back: Mapping[str, int] | None = None
    altered: tuple[str, ...] | None = None
    skipped: int = 0
    reads: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def acknowledged(self) -> list[Write]:
        """The writes that were acknowledged, in the order in which they were sent."""
        return [write for write in self.writes.values() if write.outcome == ACKNOWLEDGED]


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every write.

    ``fates`` maps each of FATES to its keys, in the order in which they were sent.
    """

    fates: Mapping[str, tuple[str, ...]]
    outcomes: Mapping[str, int]
    unexpected: tuple[str, ...]
    """Read back, and never sent."""
    worst_delay_s: float
    """From the acknowledgement to the first time that it was seen; 0 where nothing was."""

    def count(self, fate: str) -> int:
        """Return how many orders had a fate."""
        return len(self.fates[fate])

    @property
    def wrong(self) -> tuple[str, ...]:
        """Keys of all orders that break a promise."""
        fates = self.fates
        return *fates["lost"], *fates["duplicated"], *fates["phantom"], *self.unexpected


def settle(ledger: Ledger, late_s: float = LATE_S) -> Account:
    """Say what became of each write.

    Raises:
        ValueError: nothing was read back yet.
    """
    if ledger.read_back is None:
        raise ValueError("the ledger cannot be settled before everything was read back")
    fates: dict[str, list[str]] = {fate: [] for fate in FATES}
    worst = 0.0
    for key, write in ledger.writes.items():
        seen = ledger.seen.get(key)
        delay = (seen - write.done) / NS if seen is not None and write.done else None
        if write.outcome == ACKNOWLEDGED:
            worst = max(worst, delay or 0.0)
        fates[_fate(write, ledger.read_back.get(key, 0), delay, late_s)].append(key)
    unexpected = tuple(sorted(key for key in ledger.read_back if key not in ledger.writes))
    outcomes = Counter(write.outcome for write in ledger.writes.values())
    return Account({fate: tuple(keys) for fate, keys in fates.items()}, outcomes, unexpected, worst)


def _fate(write: Write, count: int, delay: float | None, late_s: float) -> str:
    if count > 1:
        return "duplicated"
    if write.outcome == REFUSED:
        return "phantom" if count else "dropped"
    if write.outcome == UNKNOWN:
        return "recovered" if count else "dropped"
    if not count:
        return "lost"
    return "stable" if delay is not None and delay <= late_s else "late"


def judge(outcomes: Iterable[Check]) -> VerdictKind:
    """Return the verdict of checks alone.

    FAIL for one that is false, INCONCLUSIVE for one that could not be found out.

    >>> judge([Check("a", True, "", ""), Check("b", None, "", "")]).value
    'INCONCLUSIVE'
    """
    kinds = {True: VerdictKind.PASS, False: VerdictKind.FAIL, None: VerdictKind.INCONCLUSIVE}
    return VerdictKind.worst(kinds[check.ok] for check in outcomes)


def never_sent(ledger: Ledger) -> int:
    """Return how many writes were due and never sent.

    As the generator counts them, or as the numbers at the end of the keys have gaps: a generator
    that was killed did not count.

    >>> never_sent(Ledger({key: Write(key, 0, 0) for key in ("run-0", "run-1", "run-4")}))
    2
    """
    ends = [key.rpartition("-")[2] for key in ledger.writes]
    numbers = {int(end) for end in ends if end.isdecimal()}
    gaps = max(numbers) + 1 - len(numbers) if numbers else 0
    return max(gaps, ledger.skipped)


def checks(
    ledger: Ledger, *, min_acknowledged: int, late_s: float = LATE_S, all_sent: bool = True
) -> tuple[Check, ...]:
    """Return what a verdict depends on: no order lost, none twice, none that was refused.

    And enough of them to tell; with ``all_sent`` none that was due and never sent, for nobody
    knows what would have become of it.

    Without a read-back, or with too few acknowledged orders, nothing was proven: ``ok`` is None.
    """
    if ledger.read_back is None:
        actual, expected = "nothing could be read back", "a whole read-back"
        return (
            Check("every acknowledged order is there", None, actual, expected, "orders-present"),
        )
    account = settle(ledger, late_s)
    acknowledged, skipped = account.outcomes.get(ACKNOWLEDGED, 0), never_sent(ledger)
    enough = acknowledged >= min_acknowledged
    made_up = (*account.fates["phantom"], *account.unexpected)
    # ledgers of before 0.3 do not tell
    compared = [] if ledger.altered is None else [ledger.altered]
    return (
        Check(
            "every acknowledged order is there",
            *_expect_none(account.fates["lost"], enough, f"of {acknowledged} lost"),
            id="orders-present",
        ),
        Check(
            "no order is there twice",
            *_expect_none(account.fates["duplicated"], enough, "duplicated"),
            id="orders-once",
        ),
        Check(
            "what was refused or never sent is not there",
            *_expect_none(made_up, enough, "there all the same"),
            id="orders-not-made-up",
        ),
        *(
            Check(
                "every order is as it was sent",
                *_expect_none(altered, enough, "altered"),
                id="orders-unchanged",
            )
            for altered in compared
        ),
        Check(
            "every read was answered with its order",
            not ledger.reads[WRONG_ANSWER],
            f"{ledger.reads[WRONG_ANSWER]} answered with something else as if it were the order",
            "none",
            "reads-answered",
        ),
        Check(
            "enough orders were acknowledged",
            True if enough and not (all_sent and skipped) else None,
            f"{acknowledged} of {len(ledger.writes)} sent, {skipped} due and not sent",
            f"{min_acknowledged} or more{', all that were due sent' if all_sent else ''}",
            "orders-enough",
        ),
    )


def _expect_none(keys: Sequence[str], enough: bool, what: str) -> tuple[bool | None, str, str]:
    """A loss is a loss however few orders there were; that there is none is proven by enough."""
    names = f": {', '.join(keys[:_SHOWN])}{', …' if len(keys) > _SHOWN else ''}" if keys else ""
    return False if keys else (True if enough else None), f"{len(keys)} {what}{names}", "none"


def failures(ledger: Ledger) -> Counter[str]:
    """Count every single request that failed, reads and repeated writes included, by what was seen.

    An order that was accepted a moment ago and is not stored yet ("missing") is no failure.

    >>> failures(Ledger(reads=Counter(ok=9, missing=1, timeout=2), failed=Counter({"http-503": 1})))
    Counter({'read timeout': 2, 'write http-503': 1})
    """
    reads = {kind: count for kind, count in ledger.reads.items() if kind not in ("ok", "missing")}
    failed = Counter({f"read {kind}": count for kind, count in reads.items()})
    failed.update({f"write {kind}": count for kind, count in ledger.failed.items()})
    unanswered = sum(not write.done for write in ledger.writes.values())
    return failed + Counter({"write without an answer": unanswered})


def longest_pause_s(ledger: Ledger) -> float:
    """Return the longest time without an acknowledgement while orders were being sent; in seconds.

    >>> first = Write("a", 0, 0, ACKNOWLEDGED, NS)
    >>> longest_pause_s(Ledger({"a": first, "b": Write("b", 4 * NS, 4 * NS, UNKNOWN)}))
    3.0
    """
    sent = sorted(write.sent for write in ledger.writes.values())
    if not sent:
        return 0.0
    answered = sorted(write.done for write in ledger.acknowledged)
    moments = [sent[0], *answered, max(sent[-1], *answered, sent[0])]
    return max(later - earlier for earlier, later in pairwise(moments)) / NS


def summary(ledger: Ledger) -> list[str]:
    """Return a few lines for people.

    Answers, fates, and how long a write took from the time that it was due.
    """
    taken = sorted((write.done - write.due) / 1e6 for write in ledger.acknowledged)
    outcomes = Counter(write.outcome for write in ledger.writes.values())
    counts = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.items())
    lines = [f"{len(ledger.writes)} orders sent: {counts}"]
    if taken:
        shares = {"p50": 0.5, "p99": 0.99, "worst": 1.0}
        times = ", ".join(
            f"{name} {taken[int(share * (len(taken) - 1))]:.0f} ms"
            for name, share in shares.items()
        )
        lines.append(f"acknowledged after {times}, counted from when each was due")
    reads = ", ".join(f"{count} {outcome}" for outcome, count in ledger.reads.items())
    lines.append(f"reads: {reads or 'none'}")
    if ledger.read_back is not None:
        account = settle(ledger)
        fates = ", ".join(f"{account.count(fate)} {fate}" for fate in FATES if account.count(fate))
        lines.append(
            f"read back: {fates or 'nothing'}; stored and seen {account.worst_delay_s:.1f} s later "
            "at most"
        )
    return lines
