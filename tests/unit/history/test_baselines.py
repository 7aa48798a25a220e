"""Limits from nights before, and histories that must not make one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nights import FIRST, drill_entry, limit_entry, run_document

from kubedrill.config.limits import LimitsFromHistory
from kubedrill.history.baselines import find_baselines

if TYPE_CHECKING:
    from kubedrill.base.document import RunDocument
    from kubedrill.base.plan import Baseline

LABELS = {"topology": "3+2", "network": "flannel-vxlan", "host": "build-1", "app": "hello"}
NOW = FIRST + timedelta(days=100)


def night(number: int, longest_s: float, limit: dict[str, Any] | None = None, **given: Any) -> Any:
    entry = limit_entry("api-*", longest_s, **{"limit_s": 60.0, "verdict": "PASS", **(limit or {})})
    drill = drill_entry(night=number, predicted=(entry,), **given)
    return run_document([drill], number)


def baseline(runs: list[RunDocument], **rules: float) -> Baseline:
    [only], _ = find_baselines(runs, ["failover-vip"], LABELS, LimitsFromHistory(**rules), NOW)
    return only


def test_it_is_a_factor_times_the_worst_of_nights_enough() -> None:
    runs = [night(n, 1.0) for n in range(11)] + [night(11, 1.3)]
    actual = baseline(runs)
    assert (actual.nights, actual.limit_s) == (12, 3.9)
    assert actual.because == "3 times 1.3 s, the worst of 12 nights"
    assert (actual.kubernetes, actual.kubernetes_after, actual.probes) == ("1.35", "1.35", "api-*")
    assert baseline(runs, factor=5).limit_s == 6.5


def test_no_outage_ever_is_no_limit_of_nothing() -> None:
    actual = baseline([night(n, 0.0) for n in range(10)])
    assert actual.limit_s == 3.0
    assert actual.because.endswith("and 3 s at the least")


MEASURED = {"shortest_s": 0.0, "longest_s": 0.0, "open_ended": False, "failed": 0}


@pytest.mark.parametrize(
    "bad",
    [
        {"limit": {"verdict": "FAIL"}, "verdict": "FAIL"},
        {"verdict": "INCONCLUSIVE"},  # its fault had no effect
        {"verdict": "FAIL"},  # of a check
        {"ended": "aborted"},
        {"control": None},
        {"started": ""},
        {"started": (NOW + timedelta(days=30)).isoformat()},
        {"limit": {"measured": {**MEASURED, "requests": 0}}},
        {"limit": {"measured": {**MEASURED, "longest_s": 1e9}}},
        {"topology": "1+1"},
        {"network": "cilium"},
        {"host": "laptop"},
        {"app": "shop"},
    ],
    ids=str,
)
def test_nights_that_show_nothing_of_this_cluster_make_none(bad: dict[str, Any]) -> None:
    actual = baseline([night(n, 1.0, **bad) for n in range(20)])
    assert (actual.nights, actual.limit_s) == (0, None)
    # nor do they change one
    good = [night(n, 1.3) for n in range(10)]
    actual = baseline([*good, *(night(n, 1.0, **bad) for n in range(20, 40))])
    assert (actual.nights, actual.limit_s) == (10, 3.9)


def test_one_night_or_one_that_was_copied_is_none() -> None:
    assert baseline([night(0, 1.0)]).limit_s is None
    copies = [night(0, 1.0).model_copy(update={"run": f"copy-{n}"}) for n in range(20)]
    actual = baseline(copies)
    assert (actual.nights, actual.limit_s) == (1, None)
    assert actual.because == "1 of 1 nights can be used, expected 10 or more"


def test_releases_are_kept_apart_and_patches_are_not() -> None:
    before = [night(n, 9.0) for n in range(10)]
    patched = {"kubernetes": "1.36.3", "kubernetes_after": "1.36.3"}
    after = [night(n, 1.0, **(patched | {"kubernetes": "1.36.1"})) for n in range(10, 15)]
    after += [night(n, 2.0, **patched) for n in range(15, 20)]
    actual, _ = find_baselines(
        [*before, *after], ["failover-vip"], LABELS, LimitsFromHistory(), NOW
    )
    assert [(each.kubernetes, each.limit_s) for each in actual] == [("1.35", 27.0), ("1.36", 6.0)]


def test_a_drill_without_a_night_says_so() -> None:
    assert baseline([]).because == "no night of it on 3+2, flannel-vxlan, build-1, hello"


def test_a_bad_night_of_long_ago_is_forgotten() -> None:
    runs = [night(0, 20.0), *(night(n, 1.0) for n in range(1, 61))]
    assert baseline(runs[:60]).limit_s == 60.0
    assert (baseline(runs).nights, baseline(runs).limit_s) == (60, 3.0)


def test_the_digest_is_of_the_nights() -> None:
    runs = [night(n, 1.0) for n in range(10)]

    def digest(runs: list[RunDocument], drill: str = "failover-vip") -> str:
        return find_baselines(runs, [drill], LABELS, LimitsFromHistory(), NOW)[1]

    assert digest(runs) == digest(list(reversed(runs)))
    assert len({digest(runs), digest(runs[1:]), digest([*runs[1:], night(0, 1.1)])}) == 3
    assert digest(runs, "node-drain") == digest([], "node-drain")


@given(st.lists(st.floats(0, 60), max_size=80), st.floats(1, 100), st.floats(0.1, 100))
def test_it_covers_every_night_that_made_it(
    longest: list[float], factor: float, least_s: float
) -> None:
    runs = [night(n, seconds) for n, seconds in enumerate(longest)]
    actual = baseline(runs, factor=factor, least_s=least_s)
    assert (actual.limit_s is None) == (len(longest) < 10)
    if actual.limit_s is not None:
        assert actual.limit_s >= max(least_s, *longest[-60:]) - 1e-6
