"""Steps of load: percentiles that hide nothing, the knee, and the objective's verdict."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from harness.app.ledger import ACKNOWLEDGED, NS, UNKNOWN, Ledger, Write
from harness.app.load import Objective, Step, knee, measure, objective_check, parse_rates, plot, table
from harness.errors import UsageError

GOAL = Objective(0.99, 250, 50)


def step(rate: float, ms: float, failed: int = 0, skipped: int = 0) -> Step:
    times = tuple(ms for _ in range(100 - failed))
    return Step(rate, 10, 100, 100 - failed, skipped, times)


def test_a_write_that_was_sent_late_counts_from_when_it_was_due() -> None:
    writes = {
        "a": Write("a", due=0, sent=2 * NS, outcome=ACKNOWLEDGED, done=3 * NS),
        "b": Write("b", due=0, sent=0, outcome=UNKNOWN),
    }
    found = measure(Ledger(writes, skipped=2), 50, 1)
    assert found.times_ms == (3000.0,)
    assert found.errors == 0.75, "one of four that were due, two of them never sent"
    assert found.percentile(0.25) == 3000.0
    assert found.percentile(0.5) == float("inf")


def test_percentiles_are_of_the_nearest_rank() -> None:
    times = tuple(float(n) for n in range(1, 101))
    whole = Step(10, 10, 100, 100, 0, times)
    assert [whole.percentile(share) for share in (0.01, 0.5, 0.99, 0.999, 1.0)] == [1, 50, 99, 100, 100]


def test_the_knee_is_the_last_step_before_the_first_that_fails() -> None:
    steps = [step(25, 10), step(50, 20), step(100, 900), step(200, 10)]
    found = knee(steps, GOAL)
    assert found is not None
    assert found.rate == 50
    assert knee([step(25, 900)], GOAL) is None
    assert knee([step(25, 10, failed=5)], GOAL) is None


@pytest.mark.parametrize(
    ("steps", "ok"),
    [
        ([step(25, 10)], None),
        ([step(25, 900), step(50, 10)], True),
        ([step(50, 900)], False),
        ([step(75, 10, failed=3)], False),
        ([step(50, 10, skipped=10)], False),
    ],
)
def test_the_objective_is_judged_at_its_own_rate_and_never_without_it(steps: list[Step], ok: bool | None) -> None:
    assert objective_check(steps, GOAL).ok is ok


@pytest.mark.parametrize("text", ["", "99.9", "101:1:1", "99:0:1", "99:1:x", "99:1:1:1", "-1:1:1"])
def test_a_bad_objective_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected PERCENT:MILLISECONDS:RATE"):
        Objective.parse(text)


@pytest.mark.parametrize("text", ["", "x", "0,5", "50,25", "50,50", "20000"])
def test_bad_rates_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected growing numbers"):
        parse_rates(text)


def test_the_plot_is_a_picture_also_where_nothing_was_acknowledged() -> None:
    for steps in ([step(25, 10), step(50, 900)], [step(25, 10, failed=100)]):
        assert ET.fromstring(plot(steps, GOAL)).tag.endswith("svg")  # noqa: S314 - made above
        assert len(table(steps)) == len(steps) + 1
    assert "knee: 25/s" in plot([step(25, 10), step(50, 900)], GOAL)
