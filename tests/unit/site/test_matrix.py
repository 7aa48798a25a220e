"""The matrix of the site: each variant for itself, and none under another's date."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import FIRST, drill_entry, run_document

from kubedrill.base.results import VerdictKind
from kubedrill.site.data import Places, site_data

if TYPE_CHECKING:
    from kubedrill.base.drill_entry import DrillEntry

PASS, FAIL = VerdictKind.PASS, VerdictKind.FAIL
INCONCLUSIVE, ABORTED = VerdictKind.INCONCLUSIVE, VerdictKind.ABORTED


def cell(
    tmp_path: Path, *nights: tuple[int, DrillEntry], made: int | None = None
) -> dict[str, Any]:
    """The matrix's only cell, on a site that was made on the last night, or on another one."""
    runs = [run_document([drill], night) for night, drill in nights]
    today = FIRST + timedelta(days=max(night for night, _ in nights) if made is None else made)
    [result] = site_data(runs, Places(tmp_path, tmp_path), today)["matrix"]
    assert isinstance(result, dict)
    return result


def test_a_drill_that_was_not_run_for_long_is_not_safe(tmp_path: Path) -> None:
    old, new = drill_entry("node-drain", 0), drill_entry("failover-vip", 60)
    result = cell(tmp_path, (0, old), (60, new))
    assert result["verdict"] == "INCONCLUSIVE"
    assert (result["oldest"], result["latest"]) == (old.started[:10], new.started[:10])
    assert [(each["name"], each["last"], each["doubt"]) for each in result["drills"]] == [
        ("failover-vip", new.started[:10], ""),
        ("node-drain", old.started[:10], "long ago"),
    ]
    assert result["verdicts"] == ["PASS", "PASS"], "what they were"


@pytest.mark.parametrize(("night", "verdict"), [(14, "PASS"), (15, "INCONCLUSIVE")])
def test_two_weeks_are_not_long(tmp_path: Path, night: int, verdict: str) -> None:
    old, new = drill_entry("node-drain", 0), drill_entry("failover-vip", night)
    assert cell(tmp_path, (0, old), (night, new))["verdict"] == verdict


def test_an_old_failure_stays_one(tmp_path: Path) -> None:
    old, new = drill_entry("node-drain", 0, verdict=FAIL), drill_entry("failover-vip", 60)
    assert cell(tmp_path, (0, old), (60, new))["verdict"] == "FAIL"


@pytest.mark.parametrize("label", ["network", "app", "host"])
def test_a_pass_of_one_variant_does_not_hide_the_failure_of_another(
    tmp_path: Path, label: str
) -> None:
    bad = drill_entry(night=0, verdict=FAIL, **{label: "first"})
    result = cell(tmp_path, (0, bad), (1, drill_entry(night=1, **{label: "second"})))
    assert result["verdict"] == "FAIL"
    assert ["first" in each["variant"] for each in result["drills"]] == [True, False]


def test_a_later_pass_of_the_same_variant_replaces_its_failure(tmp_path: Path) -> None:
    nights = (0, drill_entry(night=0, verdict=FAIL)), (1, drill_entry(night=1))
    assert cell(tmp_path, *nights)["verdict"] == "PASS"
    assert cell(tmp_path, *reversed(nights))["verdict"] == "PASS", "in whatever order they stand"


def test_without_runs_there_is_no_cell(tmp_path: Path) -> None:
    assert site_data([], Places(tmp_path, tmp_path), FIRST)["matrix"] == []


def test_no_night_for_long_is_not_safe_either(tmp_path: Path) -> None:
    """The newest run is no measure of today: nobody may have run any drill for 60 nights."""
    assert cell(tmp_path, (0, drill_entry()), made=14)["verdict"] == "PASS"
    result = cell(tmp_path, (0, drill_entry()), made=60)
    assert (result["verdict"], result["drills"][0]["doubt"]) == ("INCONCLUSIVE", "long ago")


def test_a_night_from_the_future_hides_nothing(tmp_path: Path) -> None:
    """A wrong clock dated a PASS years ahead: the failure of last night stands, and no other
    drill is old because of it.
    """
    future = drill_entry(night=3650)
    bad = drill_entry(night=59, verdict=FAIL)
    other = drill_entry("node-drain", 59)
    result = cell(tmp_path, (3650, future), (59, bad), (59, other), made=60)
    assert result["verdict"] == "FAIL"
    assert (result["oldest"], result["latest"]) == (bad.started[:10],) * 2
    assert [each["doubt"] for each in result["drills"]] == ["", ""]


@pytest.mark.parametrize(
    ("started", "doubt"),
    [
        ("2034-01-01T02:00:00+00:00", "it began in the future: a clock was wrong"),
        ("", "when it began is not recorded"),
    ],
)
def test_a_pass_that_nobody_can_date_is_no_pass_of_today(
    tmp_path: Path, started: str, doubt: str
) -> None:
    result = cell(tmp_path, (0, drill_entry(started=started)))
    assert (result["verdict"], result["latest"]) == ("INCONCLUSIVE", "no date")
    assert result["drills"][0]["doubt"] == doubt


def test_only_inconclusive_nights_are_inconclusive(tmp_path: Path) -> None:
    nights = [(n, drill_entry(night=n, verdict=INCONCLUSIVE)) for n in range(5)]
    assert cell(tmp_path, *nights)["verdict"] == "INCONCLUSIVE"


def test_a_night_that_proved_nothing_ends_no_failure(tmp_path: Path) -> None:
    bad = (0, drill_entry(night=0, verdict=FAIL))
    doubtful = [(n, drill_entry(night=n, verdict=INCONCLUSIVE)) for n in (1, 2)]
    result = cell(tmp_path, bad, *doubtful)
    assert (result["verdict"], result["verdicts"]) == ("FAIL", ["INCONCLUSIVE"])
    assert result["drills"][0]["failed"] == bad[1].started[:10]
    assert cell(tmp_path, bad, *doubtful, (3, drill_entry(night=3)))["verdict"] == "PASS"


def test_of_two_verdicts_at_the_same_time_the_worse_one_counts(tmp_path: Path) -> None:
    """Two clusters of one host were drilled at once."""
    both = (0, drill_entry(verdict=FAIL)), (0, drill_entry())
    assert cell(tmp_path, *both)["verdict"] == "FAIL"
    assert cell(tmp_path, *reversed(both))["verdict"] == "FAIL"


def test_a_drill_of_the_run_that_was_never_run_is_missed(tmp_path: Path) -> None:
    missed = [{"name": "zone-outage", "reason": "one zone"}, {"name": "node-drain", "reason": "?"}]
    runs = [
        run_document([drill_entry("node-drain", 0)], 0),
        run_document([drill_entry(night=1)], 1, not_run=missed),
    ]
    places, today = Places(tmp_path, tmp_path), FIRST + timedelta(days=1)
    [result] = site_data(runs, places, today)["matrix"]
    assert (result["verdict"], result["verdicts"]) == (
        "INCONCLUSIVE",
        ["PASS"] * 2 + [INCONCLUSIVE],
    )
    assert result["drills"][-1] == {
        "name": "zone-outage",
        "variant": "",
        "verdict": "INCONCLUSIVE",
        "last": "never",
        "doubt": "one zone",
        "failed": "",
    }
    runs.append(run_document([drill_entry("zone-outage", 1)], 1, run="later"))
    [result] = site_data(runs, places, today)["matrix"]
    assert result["verdict"] == "PASS"


def test_an_upgrade_is_no_drill_that_was_never_run_where_it_led_to_another_version(
    tmp_path: Path,
) -> None:
    missed = [{"name": "cluster-upgrade", "reason": "no newer bundle"}]
    runs = [
        run_document([drill_entry("cluster-upgrade", 0)], 0),
        run_document([drill_entry(night=1)], 1, not_run=missed),
    ]
    cells = site_data(runs, Places(tmp_path, tmp_path), FIRST + timedelta(days=1))["matrix"]
    assert [each["verdict"] for each in cells] == ["PASS", "PASS"]


def test_an_upgrade_that_did_not_say_where_to_stands_where_it_led_before(tmp_path: Path) -> None:
    """Its failure in a row of its own left the PASS of the night before as the newest."""
    bad = drill_entry("cluster-upgrade", 1, kubernetes_after="", verdict=FAIL, ended="error")
    result = cell(tmp_path, (0, drill_entry("cluster-upgrade", 0)), (1, bad))
    assert (result["after"], result["verdict"]) == ("1.36.3", "FAIL")
    alone = cell(tmp_path, (1, bad))
    assert (alone["after"], alone["verdict"]) == ("", "FAIL")


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["failover-vip", "node-drain"]),
            st.sampled_from(["cilium", "calico"]),
            st.sampled_from(VerdictKind),
            st.integers(0, 40),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 45),
)
def test_a_tile_is_a_pass_only_where_each_variant_passed_last_and_of_late(
    nights: list[tuple[str, str, VerdictKind, int]], made: int
) -> None:
    """Whatever was run when: the rule as a user would check it by hand."""
    entries = [
        (night, drill_entry(name, night, network=network, verdict=kind))
        for name, network, kind, night in nights
    ]
    result = cell(Path(), *entries, made=made)
    sound = True
    for variant in {each[:2] for each in nights}:
        known = [
            (n, kind) for *names, kind, n in nights if tuple(names) == variant and n <= made + 1
        ]
        last = max((n for n, _ in known), default=-99)
        sound &= made - last <= 14 and {kind for n, kind in known if n == last} == {PASS}
    assert (result["verdict"] == "PASS") == sound
