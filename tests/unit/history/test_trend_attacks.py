"""Attacks on the trends: histories that hide a change, or make one up.

What must come out stands before each test. The same examples each time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from nights import FIRST, drill_entry, seeded, series_of_outages
from pydantic import ValidationError

from kubedrill.base.drill_entry import ControlEntry, DrillEntry
from kubedrill.history.predictions import calibrate
from kubedrill.history.trends import Change, Trend, find_trends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.base.document import RunDocument

LIMITED = settings(
    max_examples=30, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
)
BEFORE = 30
"""Nights before the change."""


def outage(runs: Sequence[RunDocument], night: int | None = None) -> Trend:
    """The trend of the API's outages, as it is seen on some night, or on one after all."""
    now = {} if night is None else {"now": FIRST + timedelta(days=night)}
    [trend] = [t for t in find_trends(runs, **now).trends if t.series.measure == "outage api-*"]
    return trend


def nights(
    values: Sequence[float], control_ms: Sequence[float | None] = (), **given: Any
) -> list[RunDocument]:
    """One drill over nights; the median of the control probe may differ."""
    runs = []
    for night, run in enumerate(series_of_outages(values, **given)):
        [drill] = run.drills
        if night < len(control_ms):
            control = {"samples": 1000, "failed": 0, "worst_lateness_ms": 4.0}
            control |= {"p50_ms": control_ms[night], "p99_ms": 15.0}
            drill = drill.model_copy(update={"control": ControlEntry.model_validate(control)})
        runs.append(run.model_copy(update={"drills": (drill,)}))
    return runs


def tripled(seed: int, after: int = 6) -> list[float]:
    """Independent nights of about a second, the last ones of about three."""
    rng = seeded(seed)
    values = [rng.lognormvariate(0, 0.15) for _ in range(BEFORE + after)]
    return [value * (3 if night >= BEFORE else 1) for night, value in enumerate(values)]


@LIMITED
@given(st.integers(0, 1000), st.data())
def test_nothing_beside_it_hides_an_outage_that_is_three_times_as_long(
    seed: int, data: st.DataObject
) -> None:
    """A lost night, a night that stands twice, a patch release on any night, nights of another
    topology between, and a host that is up to 45 % slower since: worse after six nights. With one
    very bad night before, which makes the noise look larger, it may take ten.
    """
    values, slower = tripled(seed), data.draw(st.floats(1, 1.45))
    if data.draw(st.booleans()):
        values, slower = tripled(seed, after=10), 1.0
        values[data.draw(st.integers(0, BEFORE - 1))] = 20.0
    rng = seeded(seed + 1)
    control = [
        0.7 * rng.lognormvariate(0, 0.02) * (slower if night >= BEFORE else 1)
        for night in range(len(values))
    ]
    runs = nights(values, control)
    released = data.draw(st.integers(0, len(runs)))
    newer = {"kubernetes": "1.35.9", "kubernetes_after": "1.35.9"}
    runs[released:] = [changed(run, newer) for run in runs[released:]]
    lost = data.draw(st.integers(0, len(runs) - 1))
    twice = data.draw(st.integers(0, len(runs) - 1))
    copy = runs[twice].model_copy(update={"run": f"copy-of-{runs[twice].run}"})
    others = [changed(run, {"topology": "5+2"}) for run in runs[:9]]
    history = [*runs[:lost], *runs[lost + 1 :], copy, *others]
    seen = [t for t in find_trends(history).trends if t.series.measure == "outage api-*"]
    assert [(t.series.key.topology, t.change) for t in seen] == [
        ("3+2", Change.WORSE),
        ("5+2", Change.INSUFFICIENT),
    ], seen[0].note


def changed(run: RunDocument, values: dict[str, Any]) -> RunDocument:
    """The same run with something else in its drill."""
    return run.model_copy(update={"drills": (run.drills[0].model_copy(update=values),)})


@LIMITED
@given(st.integers(0, 1000), st.floats(1.5, 4))
def test_a_host_that_is_much_slower_is_told_and_never_no_change(seed: int, slower: float) -> None:
    """Nobody can tell it from the product, so neither is blamed: not worse, not "no change"."""
    values = tripled(seed)
    control = [0.7 * (slower if night >= BEFORE else 1) for night in range(len(values))]
    assert outage(nights(values, control)).change in {Change.NOISE, Change.HOST, Change.WORSE}


def test_one_bad_night_that_was_copied_is_one_night() -> None:
    """A run's folder was copied and judged again under four names."""
    runs = series_of_outages([*[1.0, 1.1, 0.9, 1.2] * 5, 5.0])
    copies = [runs[-1].model_copy(update={"run": f"{runs[-1].run}-copy-{n}"}) for n in range(4)]
    trend = outage([*copies, *runs])
    assert (trend.change, trend.usable, len(trend.series.nights)) == (Change.NONE, 21, 21)


def test_copies_of_one_night_are_no_baseline() -> None:
    runs = series_of_outages([1.0])
    copies = [runs[0].model_copy(update={"run": f"copy-{n}"}) for n in range(12)]
    [each] = calibrate([*runs, *copies])
    assert (each.nights, each.baseline_s) == (1, None)


def test_two_nights_of_the_same_second_are_two() -> None:
    """Two clusters that one timer started."""
    first, other = series_of_outages([1.0, 2.0])
    same = changed(other, {"started": first.drills[0].started, "lasted_s": 101.5})
    assert len(outage([first, same]).series.nights) == 2


@pytest.mark.parametrize("control_ms", [0.0, None])
def test_without_a_control_probe_that_answered_nothing_is_claimed(control_ms: float | None) -> None:
    """A median of nothing is no answer: each such night is set aside, and says why."""
    trend = outage(nights(tripled(1), [control_ms] * (BEFORE + 6)))
    assert (trend.change, trend.usable) == (Change.INSUFFICIENT, 0)
    assert "no control probe" in trend.series.nights[-1].aside


def test_nights_without_a_control_probe_do_not_make_the_others_slow() -> None:
    """If 0 ms were the usual, each night whose control probe works would be one on a slow host."""
    control = [0.0] * 30 + [0.7] * (BEFORE + 6)
    trend = outage(nights([*[1.0] * 30, *tripled(2)], control))
    assert (trend.change, trend.usable) == (Change.WORSE, BEFORE + 6), trend.note


def test_a_constant_series_that_is_three_times_as_long_is_worse() -> None:
    """Nights that are all the same show no noise, and hide nothing."""
    assert outage(series_of_outages([1.0] * BEFORE)).change is Change.NONE
    assert outage(series_of_outages([*[1.0] * BEFORE, 3.0, 3.0, 3.0])).change is Change.WORSE


@pytest.mark.parametrize("ahead", [400, 4000])
def test_nights_from_the_future_hide_no_change(ahead: int) -> None:
    """A clock was wrong for a week: its nights are not the last ones for ever."""
    future = [
        changed(run, {"started": (FIRST + timedelta(days=ahead + n)).isoformat()})
        for n, run in enumerate(series_of_outages([1.0, 1.1, 0.9, 1.0, 1.2, 1.0, 0.9]))
    ]
    future = [run.model_copy(update={"run": f"future-{n}"}) for n, run in enumerate(future)]
    trend = outage([*future, *series_of_outages(tripled(3))], night=40)
    assert trend.change is Change.WORSE, trend.note
    asides = {night.aside for night in trend.series.nights if night.run.startswith("future")}
    assert asides == {"it began in the future: a clock was wrong"}
    assert trend.latest is not None


def test_nights_without_a_date_are_set_aside() -> None:
    """As the oldest they would make an improvement of any regression that they are part of."""
    bad = [changed(run, {"started": ""}) for run in series_of_outages([3.0, 3.1, 2.9, 3.2] * 5)]
    bad = [run.model_copy(update={"run": f"undated-{n}"}) for n, run in enumerate(bad)]
    trend = outage([*bad, *series_of_outages([1.0, 1.1, 0.9, 1.2, 1.0])])
    assert (trend.change, trend.usable) == (Change.INSUFFICIENT, 5)
    assert trend.series.nights[0].aside == "when it began is not recorded"


@LIMITED
@given(
    st.lists(st.sampled_from([0.0, 1.0, 1e9, 1e15]), max_size=40),
    st.sampled_from([0.0, 1e-9, 0.7, 1e300, None]),
    st.sampled_from([0.0, 1e-9, 0.1, 60.0]),
)
def test_whatever_the_history_holds_can_be_looked_at(
    values: list[float], control_ms: float | None, tick_s: float
) -> None:
    """No outage at all, ticks of no length, times of no size that anybody measured."""
    runs = nights(values, [control_ms] * len(values), tick_s=tick_s)
    assert len(find_trends(runs).trends) == (2 if runs else 0)


def test_no_outage_at_ticks_of_no_length_is_no_change() -> None:
    """A record whose probes state no interval must not end the look at all others."""
    runs = nights([0.0] * 20, [0.7] * 20, tick_s=0.0)
    assert outage(runs).change is Change.NONE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "0.7", [0.7], True], ids=str)
@pytest.mark.parametrize("name", ["p50_ms", "p99_ms"])
def test_a_control_probe_with_impossible_times_is_refused(name: str, value: object) -> None:
    control = {"samples": 1, "failed": 0, "p50_ms": 0.7, "p99_ms": 9.0, "worst_lateness_ms": 4.0}
    with pytest.raises(ValidationError):
        ControlEntry.model_validate(control | {name: value})


@pytest.mark.parametrize("started", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-12:00"])
def test_a_time_that_no_calendar_has_is_refused(started: str) -> None:
    with pytest.raises(ValidationError, match="years 1 to 9999"):
        DrillEntry.model_validate(drill_entry().model_dump() | {"started": started})
