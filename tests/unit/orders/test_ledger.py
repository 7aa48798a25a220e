"""What the ledger calls each order, and that it never calls a loss anything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import StepFailed
from kubedrill.base.results import VerdictKind
from kubedrill.config import Timeouts
from kubedrill.orders.ledger import (
    ACKNOWLEDGED,
    NS,
    REFUSED,
    UNKNOWN,
    WRONG_ANSWER,
    Ledger,
    Write,
    checks,
    failures,
    judge,
    never_sent,
    settle,
    summary,
)
from kubedrill.orders.ledger_file import LedgerWriter, read_ledger
from kubedrill.orders.traffic import Traffic
from kubedrill.orders.traffic_process import TrafficPlan, _read_outcome, content_of

if TYPE_CHECKING:
    from pathlib import Path


def ledger(*writes: tuple[str, str, int], seen_after_s: float = 0.1) -> Ledger:
    """Make a ledger of (key, outcome, times found)."""
    made = {
        key: Write(key, 0, 0, outcome, NS if outcome != UNKNOWN else 0)
        for key, outcome, _ in writes
    }
    seen = {key: int((1 + seen_after_s) * NS) for key, _, result in writes if result}
    return Ledger(made, seen, {key: result for key, _, result in writes if result})


@pytest.mark.parametrize(
    ("outcome", "expected", "fate", "verdict"),
    [
        (ACKNOWLEDGED, 1, "stable", VerdictKind.PASS),
        (ACKNOWLEDGED, 0, "lost", VerdictKind.FAIL),
        (ACKNOWLEDGED, 2, "duplicated", VerdictKind.FAIL),
        (UNKNOWN, 0, "dropped", VerdictKind.PASS),
        (UNKNOWN, 1, "recovered", VerdictKind.PASS),
        (UNKNOWN, 2, "duplicated", VerdictKind.FAIL),
        (REFUSED, 0, "dropped", VerdictKind.PASS),
        (REFUSED, 1, "phantom", VerdictKind.FAIL),
    ],
)
def test_each_fate_and_its_verdict(
    outcome: str, expected: int, fate: str, verdict: VerdictKind
) -> None:
    book = ledger(("a", ACKNOWLEDGED, 1), ("b", outcome, expected))
    assert settle(book).fates[fate][-1] == "b"
    assert judge(checks(book, min_acknowledged=1)) is verdict


def test_an_order_that_is_seen_late_is_late_and_no_failure() -> None:
    book = ledger(("a", ACKNOWLEDGED, 1), seen_after_s=7)
    assert settle(book).fates["late"] == ("a",)
    assert settle(book).worst_delay_s == pytest.approx(7)
    assert judge(checks(book, min_acknowledged=1)) is VerdictKind.PASS


def test_an_order_that_only_the_read_back_found_is_late() -> None:
    book = ledger(("a", ACKNOWLEDGED, 1))
    book.seen.clear()
    assert settle(book).fates["late"] == ("a",)


def test_an_order_that_nobody_sent_is_a_failure() -> None:
    book = ledger(("a", ACKNOWLEDGED, 1))
    book.read_back = {"a": 1, "t-99": 1}
    assert settle(book).unexpected == ("t-99",)
    assert judge(checks(book, min_acknowledged=1)) is VerdictKind.FAIL


def test_missing_data_is_never_a_pass_and_a_loss_is_one_however_little_there_is() -> None:
    few = ledger(("a", ACKNOWLEDGED, 1))
    assert judge(checks(few, min_acknowledged=2)) is VerdictKind.INCONCLUSIVE
    few.read_back = None
    assert judge(checks(few, min_acknowledged=1)) is VerdictKind.INCONCLUSIVE
    with pytest.raises(ValueError, match="read back"):
        settle(few)
    assert judge(checks(ledger(("a", ACKNOWLEDGED, 0)), min_acknowledged=100)) is VerdictKind.FAIL


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([], UNKNOWN),
        ([REFUSED], REFUSED),
        ([REFUSED, REFUSED], REFUSED),
        ([REFUSED, UNKNOWN], UNKNOWN),
        ([UNKNOWN, REFUSED], UNKNOWN),
        ([UNKNOWN, ACKNOWLEDGED], ACKNOWLEDGED),
        ([ACKNOWLEDGED, REFUSED], ACKNOWLEDGED),
    ],
)
def test_several_answers_to_one_key(answers: list[str], outcome: str) -> None:
    write = Write("k", 0, 0)
    for answer in answers:
        write.answer(answer, 1)
    assert write.outcome == outcome


def test_a_ledger_that_was_cut_short_leaves_an_unknown_write(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    with LedgerWriter(path) as book:
        book.add("intent", "a", 1, 2)
        book.add("answer", "a", ACKNOWLEDGED, 3, "http-202", "pod")
        book.add("intent", "b", 4, 5)
        book.add("seen", ["a"], 9)
        book.add("skipped", 3)
        book.add("read", "ok")
        book.add("answer", "b", ACKNOWLEDGED, 6, "http-202", "pod")
    path.write_bytes(path.read_bytes()[:-5])
    result = read_ledger(path)
    assert {key: write.outcome for key, write in result.writes.items()} == {
        "a": ACKNOWLEDGED,
        "b": UNKNOWN,
    }
    assert (result.seen, result.skipped, result.reads["ok"], result.read_back) == (
        {"a": 9},
        3,
        1,
        None,
    )
    assert "2 orders sent" in summary(result)[0]


SENT = [["intent", "run-0", 1, 2], ["answer", "run-0", ACKNOWLEDGED, 3, "http-202", "pod"]]


def written(tmp_path: Path, *lines: list[object]) -> Ledger:
    path = tmp_path / "book.jsonl"
    with LedgerWriter(path) as book:
        for line in [*SENT, *lines]:
            book.add(*line)
    return read_ledger(path)


@pytest.mark.parametrize(
    "line",
    [
        ["intent", "run-0", 1, 2],
        ["intent", "run-1", 1, 2, REFUSED],
        ["intent", "run-1", 1.5, 2],
        ["intent", 1, 1, 2],
        ["answer", "run-0", "fine", 3, "", ""],
        ["answer", "run-0", REFUSED, "3", "", ""],
        ["found", {"run-0": -1}],
        ["found", {"run-0": 0}],
        ["found", {"run-0": 1.9}],
        ["found", {"run-0": "1"}],
        ["found", {"run-0": True}],
        ["found", ["run-0"]],
        ["skipped", -3],
        ["skipped", 0.5],
        ["skipped", "0"],
        ["seen", "run-0", 3],
        ["seen", ["run-0"], "3"],
        ["read", 7],
        ["altered", "run-0"],
        ["altered", [1]],
    ],
)
def test_a_line_whose_values_cannot_be_is_refused(tmp_path: Path, line: list[object]) -> None:
    with pytest.raises(StepFailed, match=r"book\.jsonl:3: no line of a ledger"):
        written(tmp_path, line)


def test_a_second_intent_does_not_hide_a_loss(tmp_path: Path) -> None:
    book = written(tmp_path, ["found", {}])
    assert judge(checks(book, min_acknowledged=1)) is VerdictKind.FAIL
    with pytest.raises(StepFailed, match="a second intent of run-0"):
        written(tmp_path)  # a second process wrote into the same ledger


@pytest.mark.parametrize(
    "lines",
    [
        [["skipped", 2]],
        [["intent", "run-3", 4, 5], ["answer", "run-3", ACKNOWLEDGED, 6, "http-202", "pod"]],
    ],
)
def test_a_scheduled_write_that_was_never_sent_is_missing_data(
    tmp_path: Path, lines: list[list[object]]
) -> None:
    keys = {str(line[1]): 1 for line in [*SENT, *lines] if line[0] == "intent"}
    book = written(tmp_path, *lines, ["found", keys])
    assert never_sent(book) == 2
    result = checks(book, min_acknowledged=1)
    assert judge(result) is VerdictKind.INCONCLUSIVE
    assert "2 due and not sent" in result[-1].actual
    assert judge(checks(book, min_acknowledged=1, all_sent=False)) is VerdictKind.PASS


def test_an_error_in_a_200_is_a_failure(tmp_path: Path) -> None:
    fine = [["read", "ok"], ["read", "missing"], ["found", {"run-0": 1}]]
    assert judge(checks(written(tmp_path, *fine), min_acknowledged=1)) is VerdictKind.PASS
    (tmp_path / "book.jsonl").unlink()
    book = written(tmp_path, *fine, ["read", "wrong-answer"])
    assert judge(checks(book, min_acknowledged=1)) is VerdictKind.FAIL
    assert failures(book) == {"read wrong-answer": 1}


def test_an_order_that_is_not_as_it_was_sent_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it: by its identifier, by the list, or at the end."""
    sent, swapped = content_of("run-0"), {**content_of("run-1"), "reference": "run-0"}
    assert sent["quantity"] != swapped["quantity"]
    answer = json.dumps({"id": "x", **swapped}).encode()
    assert _read_outcome(answer, "x", sent) == WRONG_ANSWER
    assert _read_outcome(json.dumps({"id": "x", **sent}).encode(), "x", sent) == "ok"

    def read_back(order: dict[str, Any]) -> VerdictKind:
        path = tmp_path / f"{order['quantity']}.jsonl"
        with LedgerWriter(path) as book:
            for line in SENT:
                book.add(*line)
        traffic = Traffic(TrafficPlan("http://127.0.0.1:9", "run"), path, Timeouts())
        pages = iter([{"orders": [order], "next": 1}, {"orders": [], "next": 1}])
        monkeypatch.setattr(traffic, "_get", lambda _: next(pages))
        return judge(checks(traffic.read_back(), min_acknowledged=1))

    assert read_back(sent) is VerdictKind.PASS
    assert read_back(swapped) is VerdictKind.FAIL


def test_a_ledger_of_before_orders_were_compared_is_judged_without(tmp_path: Path) -> None:
    book = written(tmp_path, ["found", {"run-0": 1}])
    assert "orders-unchanged" not in {check.id for check in checks(book, min_acknowledged=1)}
    (tmp_path / "book.jsonl").unlink()
    book = written(tmp_path, ["altered", ["run-0"]], ["found", {"run-0": 1}])
    assert judge(checks(book, min_acknowledged=1)) is VerdictKind.FAIL


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "database"},
        {"orders": None, "next": 1},
        {"orders": [{"id": "x"}], "next": 1},
        {"orders": [], "next": "1"},
        {"orders": [{"reference": 1}], "next": 1},
        [],
        "fine",
    ],
)
def test_a_page_that_is_none_is_said_and_not_read_as_empty(
    tmp_path: Path, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = TrafficPlan("http://127.0.0.1:9", "run")
    traffic = Traffic(plan, tmp_path / "book.jsonl", Timeouts())
    monkeypatch.setattr(traffic, "_get", lambda _: answer)
    with pytest.raises(StepFailed, match="answered 200, but found"):
        traffic._all()


def test_pages_that_go_round_end_the_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = Traffic(TrafficPlan("http://127.0.0.1:9", "run"), tmp_path / "book.jsonl", Timeouts())
    page = {"orders": [{"reference": "run-1"}], "next": 0}
    monkeypatch.setattr(traffic, "_get", lambda _: page)
    with pytest.raises(StepFailed, match="again and again"):
        traffic._all()


@pytest.mark.parametrize(
    "line", ['["nonsense"]', '["answer", "never-sent", "acknowledged", 1, "", ""]', "{}", "["]
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "book.jsonl"
    path.write_text(f'["skipped", 1]\n{line}\n["skipped", 1]\n')
    with pytest.raises(StepFailed, match=r"book\.jsonl:2: no line of a ledger"):
        read_ledger(path)
    with pytest.raises(StepFailed, match="cannot be read"):
        read_ledger(tmp_path / "none")
