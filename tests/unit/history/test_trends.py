"""What is told of nights: only what they show."""

from __future__ import annotations

from typing import Any

import pytest
from nights import (
    Planted,
    drill_entry,
    limit_entry,
    make_nights,
    run_document,
    seeded,
    series_of_outages,
)

from kubedrill.history.report import trends_document
from kubedrill.history.trends import Change, Rules, Trend, Trends, find_trends

QUIET = [1.0, 1.3, 0.9, 1.1, 1.2, 1.0, 1.4, 0.8, 1.1, 1.0]
CONTROL = {"samples": 1000, "failed": 0, "p50_ms": 0.7, "p99_ms": 15.0, "worst_lateness_ms": 4.0}
SLOW = {**CONTROL, "p50_ms": 1.4}


def outage(result: Trends, measure: str = "outage api-*") -> Trend:
    [trend] = [trend for trend in result.trends if trend.series.measure == measure]
    return trend


def nights(values: list[float], control: dict[int, Any] | None = None, **late: Any) -> Any:
    """One drill; some nights' control probe is given by number."""
    return [
        run_document(
            [
                drill_entry(
                    night=night,
                    predicted=(limit_entry("api-*", value),),
                    **({"control": control[night]} if control and night in control else {}),
                    **late,
                )
            ],
            night,
        )
        for night, value in enumerate(values)
    ]


def test_median_and_worst_of_n_stand_beside_the_fixed_budget() -> None:
    trend = outage(find_trends(series_of_outages([1.0, 7.0, 2.0])))
    assert (trend.usable, trend.median, trend.worst, trend.latest) == (3, 2.0, 7.0, 2.0)
    assert (trend.series.limit, trend.over) == (6.0, 1)


def test_few_nights_are_insufficient_history_whatever_they_show() -> None:
    trend = outage(find_trends(series_of_outages([*QUIET[:9], 90, 91, 92])))
    assert trend.change is Change.INSUFFICIENT
    assert trend.note == "12 usable nights, 13 are the least"
    assert trend.p is None
    assert (
        outage(find_trends(series_of_outages([*QUIET, 90, 91, 92, 93, 94]))).change is Change.WORSE
    )


def test_a_planted_regression_is_told_with_its_size_and_p() -> None:
    result = find_trends(series_of_outages([*QUIET, 3.0, 3.1, 3.3, 2.9, 3.2]))
    trend = outage(result)
    assert trend.change is Change.WORSE
    assert result.worse == (trend,)
    assert trend.p == pytest.approx(0.00066, rel=0.01)
    assert trend.note == "median 1.05 to 3.1 s in the last 5, p = 0.00066"


def test_an_improvement_is_better_and_never_worse() -> None:
    result = find_trends(series_of_outages([*[value + 2 for value in QUIET], *QUIET[:5]]))
    assert outage(result).change is Change.BETTER
    assert result.worse == ()


def test_a_large_change_is_found_after_three_nights() -> None:
    assert outage(find_trends(series_of_outages([*QUIET * 2, 3.0, 3.1, 3.3]))).recent == 3


def test_nights_that_depend_on_each_other_are_no_change() -> None:
    """Steps of a random walk: an exchangeable test takes its last nights for a change."""
    for seed in range(20):
        rng, value, values = seeded(seed), 1.0, []
        for _ in range(70):
            value *= rng.lognormvariate(0, 0.1)
            values.append(value)
        trend = outage(find_trends(series_of_outages(values)))
        assert trend.change is Change.NONE, (seed, trend.note)


def test_a_new_patch_release_continues_the_series_of_its_minor() -> None:
    runs = series_of_outages([*QUIET * 2, 3.0, 3.1, 3.3])
    newer = {"kubernetes": "1.35.9", "kubernetes_after": "1.35.9"}
    last = [
        run.model_copy(update={"drills": (run.drills[0].model_copy(update=newer),)})
        for run in runs[20:]
    ]
    trend = outage(find_trends([*runs[:20], *last]))
    assert (trend.change, trend.series.key.before) == (Change.WORSE, "1.35")


def test_availability_is_a_series_where_requests_were_counted() -> None:
    measured = {"shortest_s": 0.8, "longest_s": 1.0, "open_ended": False}
    runs = [
        run_document(
            [
                drill_entry(
                    night=night,
                    predicted=(
                        limit_entry(
                            "api-*", 1.0, measured={**measured, "requests": 1000, "failed": failed}
                        ),
                    ),
                )
            ],
            night,
        )
        for night, failed in enumerate([*[2, 3, 1, 2, 4, 3, 2, 1, 3, 2] * 2, 90, 95, 92])
    ]
    trend = outage(find_trends(runs), "unavailable api-*")
    assert (trend.series.unit, trend.latest, trend.change) == ("%", 9.2, Change.WORSE)


def test_nights_that_are_all_the_same_have_no_change() -> None:
    assert outage(find_trends(series_of_outages([0.0] * 40))).change is Change.NONE


def test_one_bad_night_is_no_trend() -> None:
    trend = outage(find_trends(series_of_outages([*QUIET, *QUIET[:4], 60.0])))
    assert trend.change is Change.NONE
    assert (trend.worst, trend.over) == (60.0, 1)


def test_a_change_finer_than_a_tick_is_not_claimed() -> None:
    rng = seeded(2)
    before = [1 + rng.random() / 1000 for _ in range(30)]
    trend = outage(
        find_trends(series_of_outages([*before, *(1.05 + rng.random() / 1000 for _ in range(5))]))
    )
    assert trend.change is Change.NONE
    assert "finer than can be measured (0.1 s)" in trend.note


def test_a_change_that_stays_gathers_evidence() -> None:
    """Ten nights that are higher, but not each of them, are found where the last five alone are
    not.
    """
    before = QUIET * 3
    after = [1.5, 1.4, 1.6, 1.2, 1.5, 1.6, 1.1, 1.5, 1.4, 1.5]
    few, many = (
        outage(find_trends(series_of_outages([*before, *after]), Rules(recents=recents)))
        for recents in ((5,), (5, 10))
    )
    assert many.change is Change.WORSE
    assert many.recent == 10
    assert few.p is not None
    assert many.p is not None
    assert many.p < few.p


def test_other_versions_topologies_networks_hosts_and_apps_are_never_mixed() -> None:
    values = [*QUIET, 3.0, 3.1, 3.3, 2.9, 3.2]
    for label in ("kubernetes", "kubernetes_after", "topology", "network", "host", "app"):
        runs = [*series_of_outages(values[:10]), *series_of_outages(values)[10:]]
        other = [
            run.model_copy(update={"drills": (run.drills[0].model_copy(update={label: "x"}),)})
            for run in runs[10:]
        ]
        changes = {trend.change for trend in find_trends([*runs[:10], *other]).trends}
        assert changes == {Change.INSUFFICIENT}, label


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = make_nights(seeded(8), 35, changed=10, planted=Planted(factor=3))
    assert find_trends(runs) == find_trends(runs[::-1])


@pytest.mark.parametrize(
    ("control", "late", "expected"),
    [
        (SLOW, {}, "slow host: the control probe answered late"),
        (
            {**CONTROL, "p99_ms": 60.0},
            {},
            "slow host: the control probe's slowest answers came late",
        ),
        ({**CONTROL, "failed": 3}, {}, "slow host: the control probe failed"),
        (None, {}, "no control probe"),
        ({**CONTROL, "samples": 0, "p50_ms": None, "p99_ms": None}, {}, "no control probe"),
        (CONTROL, {"host_lateness_ms": 60.0}, "slow host: probes fired late"),
    ],
)
def test_a_night_on_a_slow_host_is_set_aside_and_said_so(
    control: Any, late: dict[str, Any], expected: str
) -> None:
    runs = series_of_outages([*QUIET, *QUIET[:5], 9.0])
    slow = drill_entry(night=15, control=control, predicted=(limit_entry("api-*", 9.0),), **late)
    trend = outage(find_trends([*runs[:15], run_document([slow], 15)]))
    assert expected in trend.series.nights[-1].aside
    assert (trend.usable, trend.latest, trend.worst, trend.over) == (15, None, 1.4, 1)


def test_slow_last_nights_are_told_as_that_and_not_as_the_product() -> None:
    trend = outage(
        find_trends(nights([*QUIET, *QUIET, 5, 5, 6, 5, 5], dict.fromkeys(range(20, 25), SLOW)))
    )
    assert trend.change is Change.NOISE
    assert (
        trend.note == "5 of the last 5 nights set aside: slow host: the control probe answered late"
    )


def test_where_the_host_moved_too_the_product_is_not_blamed() -> None:
    """A host somewhat slower than before is not set aside, and explains as much as it is slower."""
    values = [*QUIET, *QUIET, 3.0, 3.1, 3.3, 2.9, 3.2]
    slower = {night: {**CONTROL, "p50_ms": 0.9} for night in range(20, 25)}
    little = [*QUIET, *QUIET, 1.6, 1.7, 1.8, 1.6, 1.7]
    trend = outage(find_trends(nights(little, slower)))
    assert trend.change is Change.HOST
    assert outage(find_trends(nights(values, slower))).change is Change.WORSE, "not so much"
    assert "the control probe's latency moved the same way" in trend.note
    faster = outage(
        find_trends(nights(values, {night: {**CONTROL, "p50_ms": 0.5} for night in range(20, 25)}))
    )
    assert faster.change is Change.WORSE


def test_drills_that_did_not_complete_are_no_measurements() -> None:
    runs = series_of_outages([*QUIET, *QUIET[:5]])
    cut = [
        run_document(
            [
                drill_entry(
                    night=night,
                    ended=ended,
                    verdict="ABORTED",
                    predicted=(limit_entry("api-*", 0),),
                )
            ],
            night,
        )
        for night, ended in ((15, "aborted"), (16, ""), (17, "error"))
    ]
    trend = outage(find_trends([*runs, *cut]))
    assert [night.aside for night in trend.series.nights[-3:]] == [
        "the drill ended aborted",
        "the drill ended without saying how",
        "the drill ended error",
    ]
    assert trend.change is Change.NOISE
    assert trend.usable == 15


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ((6.1, {}), True),  # the limit, 6 s, lies between shortest and longest
        ((6.1, {"open_ended": True}), False),
        ((1.2, {}), False),
        ((9.0, {}), False),
    ],
)
def test_an_inconclusive_measurement_counts_only_where_its_bounds_are_sound(
    given: Any, used: bool
) -> None:
    longest_s, more = given
    budget = limit_entry("api-*", longest_s, verdict="INCONCLUSIVE", **more)
    trend = outage(find_trends([run_document([drill_entry(predicted=(budget,))])]))
    assert (trend.usable == 1) is used


def test_failed_requests_are_a_series_only_where_they_have_a_budget() -> None:
    runs = [
        run_document(
            [
                drill_entry(
                    night=night,
                    predicted=(limit_entry("app-*", 1.0, max_failed=0), limit_entry("dns*", 1.0)),
                )
            ],
            night,
        )
        for night in range(2)
    ]
    assert [trend.series.measure for trend in find_trends(runs).trends] == [
        "duration",
        "outage app-*",
        "failed app-*",
        "outage dns*",
    ]
    assert outage(find_trends(runs), "failed app-*").over == 2


def test_a_level_that_so_few_nights_cannot_reach_is_insufficient_history() -> None:
    trend = outage(
        find_trends(series_of_outages([*[0.0] * 10, 1, 1, 1, 1, 1]), Rules(alarm_rate=0.0005))
    )
    assert trend.change is Change.INSUFFICIENT
    assert "cannot reach p = 0.0005" in trend.note


def test_an_empty_history_has_no_trends() -> None:
    assert find_trends([]).trends == ()


def test_programs_get_every_night_and_why_it_was_set_aside() -> None:
    document = trends_document(find_trends(nights([*QUIET, 3.0], {10: SLOW})))
    notes = document.model_dump(mode="json")
    [series] = [series for series in notes["series"] if series["measure"] == "outage api-*"]
    assert series["nights"][-1]["aside"] == "slow host: the control probe answered late"
    assert [night["value"] for night in series["nights"]] == [*QUIET, 3.0]
    assert (series["host"], series["drill"], series["change"]) == (
        "build-1",
        "failover-vip",
        "insufficient history",
    )


def test_planted_regressions_are_found_and_plain_noise_is_not() -> None:
    """The detection table of benchmarks/results/trends.md in small.

    The whole table is made by benchmarks/trends.py.

    Seeded, so it is exact.
    """
    planted = Planted(factor=3)
    result = sum(
        bool(find_trends(make_nights(seeded(seed), 40, changed=10, planted=planted)).worse)
        for seed in range(20)
    )
    alarms = sum(bool(find_trends(make_nights(seeded(seed), 40)).worse) for seed in range(100, 200))
    assert result >= 18
    assert alarms <= 3
