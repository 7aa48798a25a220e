"""A load test on the real order service: its knee, its verdict, its files.

And a service that dies under it.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from kubedrill.base.results import VerdictKind
from kubedrill.config import Load, Settings, Timeouts
from kubedrill.load.result import result, write_result
from kubedrill.load.run import LoadRequest, LoadTest, first_answers
from kubedrill.load.steps import Objective, Step

if TYPE_CHECKING:
    from pathlib import Path

    from orders_stack import Stack

pytestmark = pytest.mark.xdist_group("orders")  # one worker, so that servers are not started twice

SETTINGS = Settings(timeouts=Timeouts(orders_stored=45), load=Load(late_ms=10_000))
"""A crowded machine's own lateness is not what is tested here."""


def load_test(
    stack: Stack, folder: Path, rates: tuple[float, ...], objective: Objective, seconds: float = 3
) -> LoadTest:
    expected = LoadRequest(f"http://127.0.0.1:{stack.http_port}", rates, seconds, objective)
    return LoadTest(f"l{folder.name[-8:].replace('_', '-')}", expected, SETTINGS, folder)


def test_steps_are_measured_read_back_and_judged(stack: Stack, tmp_path: Path) -> None:
    notes: list[Step] = []
    test = load_test(stack, tmp_path, (10, 30), Objective(0.9, 9_000, 20))
    test.report = notes.append
    test.execute()
    assert [step.rate for step in notes] == [10, 20, 30], "the objective's own rate is a step"
    actual = result(test, "this host")
    by_name = {check["name"]: check for check in actual["checks"]}
    assert by_name["every acknowledged order is there once"]["ok"] is True, actual["checks"]
    assert by_name["the test ran to its end"]["ok"] is True
    assert all(step.due >= 2 * step.rate for step in notes), "of steps of 3 s"
    assert all(step.times.count == step.acknowledged for step in notes)
    assert all(step.percentile(0.5) >= 0.1 for step in notes), (
        "no write takes less than a tenth of a millisecond"
    )
    assert len(first_answers(test.ledgers)) == 1, "the one web process names itself"
    write_result(tmp_path, test, actual)
    assert json.loads((tmp_path / "load.json").read_text())["run"] == test.run
    assert (tmp_path / "load.hlog").stat().st_size > 1000
    assert {path.name for path in tmp_path.glob("*.ledger")} == {
        "10.ledger",
        "20.ledger",
        "30.ledger",
    }


def test_an_objective_that_no_service_meets_fails(stack: Stack, tmp_path: Path) -> None:
    test = load_test(stack, tmp_path, (40,), Objective(0.99, 0.01, 40))
    test.execute()
    assert test.verdict() is VerdictKind.FAIL
    assert test.knee is not None
    assert test.knee.rate is None


def test_a_late_generator_and_too_few_writes_prove_nothing(stack: Stack, tmp_path: Path) -> None:
    test = load_test(stack, tmp_path, (20,), Objective(0.999, 9_000, 20), seconds=2)
    test.execute()
    few = test.checks()[0]
    assert (few.ok, "too few writes" in few.actual) == (None, True), (
        "40 of the 1,000 that 99.9 % needs"
    )
    test.settings = SETTINGS.model_copy(update={"load": Load(late_ms=0.0001)})
    late = test.checks()[0]
    assert (late.ok, "generator was late" in late.actual) == (None, True)
    assert test.verdict() is VerdictKind.INCONCLUSIVE


def test_a_service_that_dies_under_it_leaves_a_report_without_a_pass(
    stack: Stack, tmp_path: Path
) -> None:
    test = load_test(stack, tmp_path, (10, 30), Objective(0.9, 9_000, 10), seconds=2)
    test.settings = SETTINGS.model_copy(update={"timeouts": Timeouts(orders_stored=1)})

    def kill_web(step: Step) -> None:
        if step.rate == 10:
            stack.web().stop(signal.SIGKILL)

    test.report = kill_web
    try:
        test.execute()
    finally:
        stack.web().start()
        stack.ready()
    assert [step.rate for step in test.steps] == [10]
    assert "did not answer" in test.stopped
    assert test.verdict() is VerdictKind.INCONCLUSIVE
    assert "did not answer" in json.dumps(result(test, "this host")["checks"])


def test_a_test_that_is_asked_to_stop_is_aborted_and_keeps_what_it_measured(
    stack: Stack, tmp_path: Path
) -> None:
    def stop(_: Step) -> None:
        raise KeyboardInterrupt

    test = load_test(stack, tmp_path, (10, 30), Objective(0.9, 9_000, 10), seconds=1)
    test.report = stop
    test.execute()
    actual = result(test, "this host")
    assert (actual["verdict"], actual["exit_code"]) == ("ABORTED", 4)
    assert actual["reason"] == "it was asked to stop"
    assert [step["rate"] for step in actual["steps"]] == [10]


class Restarting(LoadTest):
    """Its service is back when the steps are over."""

    stack: Stack

    def _load(self) -> None:
        try:
            super()._load()
        finally:
            self.stack.web().start()
            self.stack.ready()


def test_orders_are_read_back_though_a_later_step_could_not_be_made(
    stack: Stack, tmp_path: Path
) -> None:
    plain = load_test(stack, tmp_path, (10, 30), Objective(0.9, 9_000, 10), seconds=2)
    test = Restarting("back", plain.request, SETTINGS, tmp_path)
    test.stack = stack
    test.report = lambda _: stack.web().stop(signal.SIGKILL)  # type: ignore[assignment]
    test.execute()
    by_name = {check.name: check.ok for check in test.checks()}
    assert by_name["every acknowledged order is there once"] is True
    assert by_name["the test ran to its end"] is None
