"""The matrix of the site: each variant for itself, and none under another's date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from nights import drill_entry, run_document

from kubedrill.base.results import VerdictKind
from kubedrill.site.data import Places, site_data

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.base.drill_entry import DrillEntry

FAIL = VerdictKind.FAIL


def cell(tmp_path: Path, *nights: tuple[int, DrillEntry]) -> dict[str, Any]:
    runs = [run_document([drill], night) for night, drill in nights]
    [result] = site_data(runs, Places(tmp_path, tmp_path), "now")["matrix"]
    assert isinstance(result, dict)
    return result


def test_a_drill_that_was_not_run_for_long_is_not_safe(tmp_path: Path) -> None:
    old, new = drill_entry("node-drain", 0), drill_entry("failover-vip", 60)
    result = cell(tmp_path, (0, old), (60, new))
    assert result["verdict"] == "INCONCLUSIVE"
    assert (result["oldest"], result["latest"]) == (old.started[:10], new.started[:10])
    assert [(each["name"], each["last"], each["stale"]) for each in result["drills"]] == [
        ("failover-vip", new.started[:10], False),
        ("node-drain", old.started[:10], True),
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
    assert site_data([], Places(tmp_path, tmp_path), "now")["matrix"] == []
