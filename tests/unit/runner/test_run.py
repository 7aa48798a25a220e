"""What a run leaves in its folder: the plan first, and a report of all that was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from recordkit import Kit, write

from kubedrill.base.plan import read_plan, write_plan
from kubedrill.base.results import VerdictKind
from kubedrill.config import Settings
from kubedrill.drills import find_drills
from kubedrill.runner import run as runner

if TYPE_CHECKING:
    from pathlib import Path

DRILLS = ["failover-vip", "node-drain"]


@pytest.fixture
def run(tmp_path: Path, make_inventory: Any) -> runner._Run:
    """A run of two drills, of which the first has its record."""
    nothing: Any = None
    inventory, settings = make_inventory(), Settings()
    directory = runner.new_directory(tmp_path / "reports", 7)
    plan = runner._plan(directory.name, find_drills(DRILLS), inventory, settings, 7, [], "")
    write_plan(directory, plan)
    kit = Kit()
    kit.header = replace(
        kit.header, run=directory.name, drill=DRILLS[0], seed=7, cluster=inventory.name
    )
    write(kit.record(), directory / "record" / f"{DRILLS[0]}.jsonl")
    return runner._Run(
        inventory, settings, nothing, nothing, seed=7, directory=directory, source=nothing
    )


def document(run: runner._Run) -> dict[str, Any]:
    result = json.loads((run.directory / "verdict.json").read_text())
    assert isinstance(result, dict)
    return result


def test_the_plan_says_what_was_asked_for(run: runner._Run) -> None:
    plan = read_plan(run.directory)
    assert plan is not None
    assert (plan.run, plan.seed, plan.drills) == (run.directory.name, 7, DRILLS)
    other = Settings(reports_dir="elsewhere")
    again = runner._plan(run.directory.name, find_drills(DRILLS), run.inventory, other, 7, [], "")
    assert again.config_sha256 != plan.config_sha256


def test_a_drill_that_an_interrupt_came_before_is_in_the_document(run: runner._Run) -> None:
    result = run.conclude(interrupted=True)
    assert result.verdict is VerdictKind.ABORTED
    actual = document(run)
    assert (actual["verdict"], actual["exit_code"], actual["interrupted"]) == ("ABORTED", 4, True)
    [missing] = actual["not_run"]
    assert missing["name"] == DRILLS[1]
    assert "interrupted before it" in missing["reason"]
    assert result.missing == {DRILLS[1]: missing["reason"]}


def test_a_record_that_was_lost_meanwhile_is_no_pass(run: runner._Run) -> None:
    result = run.conclude(interrupted=False)
    assert result.verdict is VerdictKind.INCONCLUSIVE
    assert document(run)["exit_code"] == 3
    assert "has no record" in document(run)["not_run"][0]["reason"]


def test_a_record_that_was_damaged_meanwhile_does_not_hide_the_others(run: runner._Run) -> None:
    (run.directory / "record" / f"{DRILLS[1]}.jsonl").write_text("nonsense\n")
    result = run.conclude(interrupted=False)
    assert result.verdict is VerdictKind.INCONCLUSIVE
    assert [verdict.drill for verdict in result.verdicts] == DRILLS[:1]
    assert "cannot be read" in result.missing[DRILLS[1]]


def test_drills_that_could_not_be_run_are_no_error(run: runner._Run) -> None:
    run.not_run[DRILLS[1]] = "one worker only"
    result = run.conclude(interrupted=False)
    assert (result.not_run, dict(result.missing)) == ({DRILLS[1]: "one worker only"}, {})


def test_a_run_that_came_to_nothing_leaves_no_folder(run: runner._Run) -> None:
    (run.directory / "record" / f"{DRILLS[0]}.jsonl").unlink()
    run.save()
    assert not run.directory.exists()
