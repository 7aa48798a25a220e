"""The watch ledger: whatever is injected is caught, and a healthy one never."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordkit import at, write
from watchkit import BREAKS, CLIENTS, Ledger

from kubedrill.base.results import VerdictKind
from kubedrill.record import read_record
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubedrill.base.model import Record

LIMITED = settings(max_examples=60, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 1 << 30)


def findings(record: Record, kind: VerdictKind) -> list[str]:
    return [finding.text for finding in judge(record).findings if finding.verdict is kind]


@LIMITED
@given(seeds)
def test_a_healthy_ledger_passes(seed: int) -> None:
    verdict = judge(Ledger(seed).record())
    assert verdict.verdict is VerdictKind.PASS, verdict.reason


@pytest.mark.parametrize("damage", BREAKS, ids=lambda each: each.__name__)
@LIMITED
@given(seeds)
def test_each_break_fails(damage: Callable[[Ledger, random.Random], None], seed: int) -> None:
    ledger = Ledger(seed)
    damage(ledger, random.Random(seed))  # noqa: S311 - what happens in a test
    verdict = judge(ledger.record())
    assert verdict.verdict is VerdictKind.FAIL, verdict.reason


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record = Ledger(3).record()
    assert read_record(write(record, tmp_path / "a.jsonl")).watched == record.watched


def test_the_note_counts_what_was_seen() -> None:
    [note] = judge(Ledger(3).record()).notes
    assert "acknowledged" in note
    assert "through cp1, cp2, cp3, endpoint" in note


def test_without_a_stated_ledger_nothing_is_asked_of_a_record() -> None:
    record = Ledger().record()
    old = replace(record, watched=(), header=replace(record.header, watched=()))
    assert judge(old).verdict is VerdictKind.PASS
    assert judge(old).notes == ()


@pytest.mark.parametrize(
    ("left", "missing"),
    [
        (lambda _: False, "0 writes acknowledged"),
        (lambda s: s.kind != "open" or s.client != "cp2", "nobody watched through cp2"),
        (lambda s: s.kind != "closed" or s.client != "cp2", "the watch through cp2 has no end"),
        (lambda s: not 5 < (s.sent / 1e9 - 5_000) < 17, "nobody wrote for"),
    ],
)
def test_a_ledger_that_is_not_whole_is_inconclusive(
    left: Callable[[object], bool], missing: str
) -> None:
    record = Ledger().record()
    cut = replace(record, watched=tuple(line for line in record.watched if left(line)))
    assert judge(cut).verdict is not VerdictKind.PASS
    assert any(missing in text for text in findings(cut, VerdictKind.INCONCLUSIVE))


@settings(LIMITED, max_examples=15)
@given(
    seeds,
    st.sampled_from(CLIENTS),
    st.sampled_from([("list",), ("event",), ("write", "conflict", "refused", "unknown")]),
)
def test_a_client_that_did_a_part_of_it_only_before_the_fault_is_no_pass(
    seed: int, client: str, kinds: tuple[str, ...]
) -> None:
    """What it did not do since the fault, nobody knows the answer to."""
    record = Ledger(seed).record()
    left = [
        line
        for line in record.watched
        if line.client != client or line.kind not in kinds or line.done < at(5)
    ]
    assert judge(replace(record, watched=tuple(left))).verdict is not VerdictKind.PASS


def test_lines_that_the_header_does_not_state_are_inconclusive() -> None:
    record = Ledger().record()
    for watched in ((), CLIENTS[:-1]):
        other = replace(record, header=replace(record.header, watched=watched))
        assert judge(other).verdict is VerdictKind.INCONCLUSIVE


def test_a_watch_that_never_came_back_is_inconclusive() -> None:
    ledger = Ledger(2)
    stream = ledger.stream("cp1")
    cut = next(line for line in stream if line.kind == "event")
    for line in stream[stream.index(cut) : -1]:
        ledger.put_in(line)
    ledger.lines.append(replace(cut, kind="closed", revision=0, value="reset"))
    assert findings(ledger.record(), VerdictKind.FAIL) == []
    assert any(
        "cp1 had not delivered" in text
        for text in findings(ledger.record(), VerdictKind.INCONCLUSIVE)
    )
