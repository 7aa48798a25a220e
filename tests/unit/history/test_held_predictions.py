"""How often the measured stayed within the prediction, over nights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nights import drill_entry, limit_entry, run_document

from kubedrill.base.drill_entry import ControlEntry
from kubedrill.history.predictions import calibrate
from kubedrill.history.trends import find_trends

if TYPE_CHECKING:
    from kubedrill.base.document import RunDocument


def night(number: int, longest_s: float, **given: Any) -> RunDocument:
    limit = limit_entry("api-*", longest_s, predicted_s=2.0, **given.pop("limit", {}))
    return run_document([drill_entry(night=number, predicted=(limit,), **given)], number)


def test_nights_within_the_prediction_are_counted() -> None:
    [each] = calibrate([night(n, seconds) for n, seconds in enumerate([0.5, 1.9, 2.1, 3.0])])
    assert (each.drill, each.topology, each.probes) == ("failover-vip", "3+2", "api-*")
    # 2.1 s may have been 1.9 s, which is not surely longer
    assert (each.nights, each.held, each.exceeded) == (4, 3, 1)
    assert (each.predicted_s, each.median_s, each.worst_s) == (2.0, 2.0, 3.0)
    assert "within the prediction on 3 of 4 nights" in str(each)


def test_topologies_and_drills_are_kept_apart_and_versions_are_not() -> None:
    runs = [
        night(0, 1.0),
        night(1, 1.0, kubernetes="1.36.3", kubernetes_after="1.36.3"),
        night(2, 1.0, topology="1+2"),
        night(3, 1.0, name="node-drain"),
    ]
    assert [(each.drill, each.topology, each.nights) for each in calibrate(runs)] == [
        ("failover-vip", "1+2", 1),
        ("failover-vip", "3+2", 2),
        ("node-drain", "3+2", 1),
    ]


def test_nights_on_a_slow_host_are_set_aside() -> None:
    slow = ControlEntry(samples=1000, failed=0, p50_ms=9.0, p99_ms=90.0, worst_lateness_ms=4.0)
    [each] = calibrate([*(night(n, 1.0) for n in range(5)), night(5, 5.0, control=slow)])
    assert (each.nights, each.aside, each.exceeded) == (5, 1, 0)
    [none] = calibrate([night(0, 1.0, ended="aborted")])
    assert (none.nights, none.aside, none.predicted_s) == (0, 1, None)
    assert "no night to tell from" in str(none)


def test_far_less_than_predicted_is_counted_where_it_was_recorded() -> None:
    def felt(number: int, felt_s: float | None) -> RunDocument:
        measured = {"shortest_s": 0, "longest_s": 0, "open_ended": False, "failed": 0}
        return night(
            number, 0.0, limit={"least_s": 3.0, "measured": {**measured, "felt_s": felt_s}}
        )

    [each] = calibrate([felt(0, 0.4), felt(1, 1.6), felt(2, None)])
    assert (each.nights, each.far_less) == (3, 1)
    assert "far less than predicted on 1" in str(each)


def test_a_limit_from_nights_before_is_told_beside_the_one_that_is_judged_by() -> None:
    def entry(number: int, longest_s: float, verdict: str = "PASS") -> RunDocument:
        return night(number, longest_s, limit={"limit_s": 60.0, "verdict": verdict})

    few = [entry(n, 0.5) for n in range(9)]
    [each] = calibrate([*few, entry(9, 40.0, "FAIL")])
    assert (each.limit_s, each.baseline_s, each.is_wide) == (60.0, None, False)
    [each] = calibrate([*few, entry(9, 0.7)])
    assert (each.baseline_s, each.is_wide) == (3.0, True)
    # a night beyond its limit is nothing that the cluster may do again
    [each] = calibrate([*few, entry(9, 1.31), entry(10, 40.0, "FAIL")])
    assert (each.baseline_s, each.is_wide) == (4.0, True)
    [each] = calibrate([*few, entry(9, 21.0)])
    assert (each.baseline_s, each.is_wide) == (63.0, False)


def test_latency_and_availability_of_the_fault_window_are_series() -> None:
    def measured(number: int, p50: float) -> RunDocument:
        values = {"shortest_s": 0.1, "longest_s": 0.3, "open_ended": False, "failed": 3}
        latencies = {"available_fault": 0.98, "p50_fault_ms": p50, "p99_fault_ms": 9 * p50}
        return night(number, 0.3, limit={"measured": {**values, **latencies}})

    usual = [4.1, 3.9, 4.4, 4.0, 4.2, 3.8, 4.3, 4.1, 4.0, 4.2]
    nights = enumerate([*usual, *usual, 12.0, 12.4, 11.8], 5)
    # those of before, which have none, do not stand in the way
    runs = [*(night(n, 0.3) for n in range(5)), *(measured(n, p50) for n, p50 in nights)]
    trends = {trend.series.measure: trend for trend in find_trends(runs).trends}
    assert trends["p50 in fault api-*"].series.unit == "ms"
    assert trends["p50 in fault api-*"].usable == 23
    assert trends["p50 in fault api-*"].change == "worse"
    assert trends["p99 in fault api-*"].change == "worse"
    assert trends["unavailable in fault api-*"].change == "no change found"


def test_a_run_of_before_is_the_same_run_judged_again_with_latencies() -> None:
    before = night(0, 1.0)
    [drill] = before.drills
    [limit] = drill.predicted
    measured = limit.measured.model_copy(update={"p50_fault_ms": 4.0, "felt_s": 1.0})
    again = limit.model_copy(update={"measured": measured, "failed_share": 0.01, "least_s": 0.6})
    other = limit.model_copy(
        update={"measured": measured.model_copy(update={"failed": 7}), "failed_share": 0.01}
    )

    def run(limit: Any) -> RunDocument:
        return before.model_copy(
            update={"drills": (drill.model_copy(update={"predicted": (limit,)}),)}
        )

    assert before.has_results_of(run(again))
    # written uncapped before
    assert run(again).has_results_of(run(again.model_copy(update={"least_s": 40.0})))
    assert run(again).has_results_of(before)
    assert not before.has_results_of(run(other))
    assert not run(again).has_results_of(
        run(again.model_copy(update={"measured": measured.model_copy(update={"felt_s": 2.0})}))
    )
