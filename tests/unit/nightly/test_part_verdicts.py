"""Attacks on the verdict of a part: exit statuses and runs that contradict one another.

What must come out stands before each test. The same examples each time.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nightlykit import RECORDS

from kubedrill.base.errors import UsageError
from kubedrill.base.results import VerdictKind
from kubedrill.nightly.parts import Ended
from kubedrill.nightly.runs import RunVerdict, judge_part, judge_readiness, verdict_of
from kubedrill.nightly.state import CellState, CycleState, PartState, Store, read_state
from kubedrill.report import rebuild_report

if TYPE_CHECKING:
    from pathlib import Path

PASS, FAIL, INCONCLUSIVE = VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.INCONCLUSIVE
LIMITED = settings(max_examples=200, deadline=None, derandomize=True, database=None)

names = st.sampled_from(["pod-killed", "node-drain", "app-rollout"])
codes = st.one_of(st.none(), st.integers(-64, 255), st.sampled_from([0, 1, 3, 4]))
ends = st.builds(
    lambda code, over: Ended(
        "time limit" if over else "ok" if code == 0 else "failed", code, 1.0, "its last words"
    ),
    codes,
    st.booleans(),
)
runs = st.builds(
    RunVerdict, st.sampled_from(VerdictKind), st.just("a reason"), st.frozensets(names, max_size=3)
)


@LIMITED
@given(st.lists(names, min_size=1, max_size=3), ends, st.lists(runs, max_size=3))
def test_a_part_passes_only_where_everything_says_so(
    asked: list[str], ended: Ended, of: list[RunVerdict]
) -> None:
    """A status, a run or a drill that is missing or says something else: not PASS, and never
    milder than the worst run.
    """
    verdict, reason = judge_part(asked, ended, of)
    known = {name for run in of for name in run.drills}
    passed = {run.verdict for run in of} == {PASS} and ended.result == "ok" and set(asked) <= known
    assert (verdict is PASS) == passed
    assert verdict is PASS or reason
    assert verdict.rank >= max((run.verdict.rank for run in of), default=VerdictKind.ABORTED.rank)


@LIMITED
@given(ends, st.sampled_from([None, "", "ready", "blocked (a: b)", "unknown", "of", "[]"]))
def test_readiness_says_what_it_found_only_where_its_status_agrees(
    ended: Ended, actual: str | None
) -> None:
    agreed = {(0, "ready"), (1, "blocked (a: b)"), (3, "unknown")}
    known = ended.result != "time limit" and (ended.code, actual) in agreed
    verdict, reason = judge_readiness(ended, actual)
    assert (verdict, reason) == (None, actual) if known else verdict is INCONCLUSIVE


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of before plans: its record and its verdict."""
    folder = tmp_path / "20261121T043000Z-7"
    (folder / "record").mkdir(parents=True)
    shutil.copy(RECORDS / "good.jsonl", folder / "record")
    rebuild_report(folder)
    return folder


def test_the_verdict_of_an_earlier_part_is_not_that_of_this_one(run: Path) -> None:
    """It proves nothing of this part: ABORTED, as without any verdict."""
    assert verdict_of(run).verdict is PASS
    later = run.with_name("20261121T050000Z-8")
    shutil.copytree(run, later)
    verdict, reason, drills = verdict_of(later)
    assert (verdict, drills) == (VerdictKind.ABORTED, frozenset())
    assert reason == f"{later.name} has the verdict of run {run.name}, expected one of its own"


def test_a_verdict_that_contradicts_itself_is_no_pass(run: Path) -> None:
    """A PASS of a run that was interrupted: nobody knows which one is true."""
    path = run / "verdict.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"interrupted": True}))
    assert verdict_of(run).verdict is VerdictKind.ABORTED


def state_of(tmp_path: Path, **part: Any) -> Path:
    cell = CellState(
        key="1+1", topology="1+1", versions=("1.36.3",), during="", cluster="a", verdict=PASS
    )
    cell.parts = [PartState(name="before", verdict=PASS)]
    state = CycleState(cycle="c", plan="p", plan_path="p", digest="d", cells=[cell])
    Store(tmp_path, state).save()
    path = tmp_path / "cycle.json"
    data = json.loads(path.read_text())
    data["cells"][0]["parts"][0] |= part
    path.write_text(json.dumps(data))
    return tmp_path


@pytest.mark.parametrize("code", [None, 0, -9, 255])
def test_a_status_is_a_whole_number_or_none(tmp_path: Path, code: int | None) -> None:
    [cell] = read_state(state_of(tmp_path, code=code)).cells
    assert cell.parts[0].code == code


@pytest.mark.parametrize("code", ["0", "-9", True, 0.0, [0]])
def test_anything_else_is_no_status(tmp_path: Path, code: object) -> None:
    """Read as 0 it would be a success."""
    with pytest.raises(UsageError, match="expected the state of a cycle"):
        read_state(state_of(tmp_path, code=code))


@pytest.mark.parametrize("kind", [FAIL, INCONCLUSIVE, VerdictKind.ABORTED])
def test_a_cell_is_never_better_than_its_parts(tmp_path: Path, kind: VerdictKind) -> None:
    with pytest.raises(UsageError, match=rf"is PASS, and its part before is {kind.value}"):
        read_state(state_of(tmp_path, verdict=kind.value))


def test_a_cell_without_any_verdict_of_a_part_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is PASS, and no part of it has a verdict"):
        read_state(state_of(tmp_path, verdict=None))
