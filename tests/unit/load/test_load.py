"""Steps of load: percentiles that hide nothing, the knee, and the objective's verdict."""

from __future__ import annotations

import pytest

from kubedrill.base.errors import UsageError
from kubedrill.load.result import table
from kubedrill.load.steps import (
    Objective,
    Step,
    knee,
    measure,
    next_rate,
    objective_check,
    parse_rates,
)
from kubedrill.load.times import Times
from kubedrill.orders.ledger import ACKNOWLEDGED, NS, UNKNOWN, Ledger, Write

OBJECTIVE = Objective(0.99, 250, 50)
MS = 1_000_000


def step(
    rate: float,
    ms: float,
    *,
    failed: int = 0,
    skipped: int = 0,
    late_ms: float = 1,
    due: int = 1000,
) -> Step:
    """Make a step of 10 s, all of whose acknowledged writes took as long."""
    done = due - failed - skipped
    times = Times(int(ms * MS) for _ in range(done))
    within = done if ms <= OBJECTIVE.within_ms else 0
    return Step(
        rate,
        0,
        10 * NS,
        due,
        skipped,
        done,
        within,
        int(10 * rate) if not failed else done,
        late_ms,
        times,
    )


def test_a_write_that_was_sent_late_counts_from_when_it_was_due() -> None:
    writes = {
        "a": Write("a", due=0, sent=2 * NS, outcome=ACKNOWLEDGED, done=3 * NS),
        "b": Write("b", due=0, sent=0, outcome=UNKNOWN),
    }
    result = measure(Ledger(writes, skipped=2), 50, 0, NS, 250)
    assert result.percentile(0.25) == pytest.approx(3000, rel=1e-3)
    assert result.percentile(0.5) == float("inf")
    assert result.errors == 0.75, "one of four that were due, two of them never sent"
    assert result.within == 0
    assert result.late_ms == 2000
    assert result.throughput == 0, "it was acknowledged after the step's end"


def test_a_step_begins_with_its_first_write() -> None:
    result = measure(Ledger({"a": Write("a", NS, NS, ACKNOWLEDGED, NS + MS)}), 1, 0, 2 * NS, 250)
    assert (result.begun, result.seconds, result.throughput) == (NS, 1.0, 1.0)


def test_a_write_on_the_limit_is_in_time_whatever_the_histogram_rounds() -> None:
    at = 249_999_999
    result = measure(Ledger({"a": Write("a", 0, 0, ACKNOWLEDGED, at)}), 1, 0, NS, 250)
    assert result.percentile(1) > 250
    assert result.within == 1


def test_percentiles_are_of_the_nearest_rank_with_three_digits() -> None:
    times = Times(ms * MS for ms in range(1, 10_001))
    whole = Step(10, 0, NS, 10_000, 0, 10_000, 0, 0, 0, times)
    result = [whole.percentile(share) for share in (0.01, 0.5, 0.99, 0.999, 1.0)]
    assert result == pytest.approx([100, 5000, 9900, 9990, 10_000], rel=1e-3)


def test_the_knee_is_between_the_last_step_that_held_and_the_first_that_did_not() -> None:
    result = knee([step(25, 10), step(50, 20), step(100, 900), step(200, 10)], OBJECTIVE, 50)
    assert (result.rate, result.below, result.doubt) == (50, 100, False)
    assert "99 % took 900 ms" in str(result) or "99 % took 901 ms" in str(result)
    assert knee([step(25, 900)], OBJECTIVE, 50).rate is None
    assert "not reached" in str(knee([step(25, 10)], OBJECTIVE, 50))


def test_a_knee_where_the_generator_was_late_may_be_the_host_s() -> None:
    result = knee([step(25, 10), step(50, 900, late_ms=80)], OBJECTIVE, 50)
    assert result.doubt
    assert "the harness host's knee" in str(result)


def test_throughput_that_stops_following_is_a_knee_though_all_is_acknowledged_later() -> None:
    slow = Step(100, 0, 10 * NS, 1000, 0, 1000, 1000, 800, 1, Times([MS] * 1000))
    assert slow.lag == "throughput stopped following: 80.0 of 100 a second"
    assert knee([slow], OBJECTIVE, 50).below == 100
    assert objective_check([slow], OBJECTIVE, late_ms=50, min_writes=50).ok is False


@pytest.mark.parametrize(
    ("steps", "ok", "expected"),
    [
        ([], None, "no step reached its rate"),
        ([step(25, 10)], None, "no step reached its rate"),
        ([step(25, 900), step(50, 10)], True, "1,000 of 1,000 in time"),
        ([step(50, 900)], False, "0 of 1,000 in time"),
        ([step(75, 10, failed=30)], False, "3.00% errors"),
        ([step(50, 10, skipped=100)], False, "10.00% errors"),
        ([step(50, 10, late_ms=51)], None, "the traffic generator was late"),
        ([step(50, 900, late_ms=51)], None, "the traffic generator was late"),
        ([step(50, 10, due=99)], None, "too few writes"),
        ([step(50, 10, due=99, failed=1)], None, "too few writes"),
        ([step(50, 900, due=99)], False, "0 of 99 in time"),
    ],
)
def test_the_objective_is_judged_at_its_own_rate_and_never_without_it(
    steps: list[Step], ok: bool | None, expected: str
) -> None:
    result = objective_check(steps, OBJECTIVE, late_ms=50, min_writes=50)
    assert result.ok is ok, result
    assert expected in result.actual


def test_steps_go_on_to_the_objective_and_stop_when_saturated() -> None:
    assert next_rate([25, 100], [], OBJECTIVE, saturate=False) == 25
    assert next_rate([25, 100], [step(25, 10)], OBJECTIVE, saturate=False) == 50, (
        "the objective's own rate is a step"
    )
    assert next_rate([25], [step(25, 10), step(50, 10)], OBJECTIVE, saturate=False) is None
    assert next_rate([25], [step(25, 10), step(50, 10)], OBJECTIVE, saturate=True) == 75
    assert next_rate([25], [step(25, 10), step(50, 900)], OBJECTIVE, saturate=True) is None
    bad = [step(10, 10, failed=500), step(25, 10, failed=500)]
    assert next_rate([10, 25, 100], bad, OBJECTIVE, saturate=False) == 50, (
        "the objective is judged first"
    )
    bad.append(step(50, 10, failed=500))
    assert next_rate([10, 25, 100], bad, OBJECTIVE, saturate=False) is None
    assert next_rate([9000], [step(9000, 10)], OBJECTIVE, saturate=True) is None, (
        "the generator's own limit"
    )


@pytest.mark.parametrize(
    "text",
    ["", "99.9", "101:1:1", "99:0:1", "99:1:x", "99:1:1:1", "-1:1:1", "99:nan:1", "99:1:1e9"],
)
def test_a_bad_objective_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected PERCENT:MILLISECONDS:RATE"):
        Objective.parse(text)


@pytest.mark.parametrize("text", ["", "x", "0,5", "50,25", "50,50", "20000", "nan"])
def test_bad_rates_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected growing numbers"):
        parse_rates(text)


def test_the_table_tells_also_of_a_step_that_acknowledged_nothing() -> None:
    lines = table([step(25, 10), step(50, 10, failed=1000)])
    assert len(lines) == 3
    assert "for ever" in lines[2]
