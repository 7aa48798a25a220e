"""A whole cycle: its cells, its hanging parts, its record, its continuation after kill -9, its
lock, a full disk.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from nightlykit import PATIENCE_S, PLAN, ROOT, Bed

from kubedrill.base.errors import Unsafe
from kubedrill.base.results import VerdictKind
from kubedrill.base.waits import wait_for
from kubedrill.history.store import History
from kubedrill.nightly.cycle import cycle_lock
from kubedrill.nightly.parts import MARK
from kubedrill.nightly.state import DiskFull

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return Bed(tmp_path)


ONE_CELL = PLAN.replace("3+2: ", "")


def verdicts(bed: Bed) -> list[VerdictKind | None]:
    return [cell.verdict for cell in bed.states()[-1].cells]


def left_processes(cycle: str) -> list[int]:
    result = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(cycle):
                result.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return result


def test_every_cell_gets_a_fresh_cluster_that_is_taken_away(bed: Bed) -> None:
    state = bed.run().state
    assert state.ended
    assert [cell.key for cell in state.cells] == [
        "1+1_1.35.4-1.36.3_cluster-upgrade",
        "3+2_1.35.4-1.36.3_cluster-upgrade",
    ]
    for cell in state.cells:
        assert cell.verdict is VerdictKind.PASS, cell.reason
        assert [part.name for part in cell.parts] == [
            "up",
            "before",
            "readiness to 1.36.3",
            "upgrade to 1.36.3",
            "after",
            "down",
        ]
        assert cell.parts[2].reason == "blocked (budget shop/web: allows no disruption)"
        assert len(cell.runs) == 3
    assert len({cell.cluster for cell in state.cells}) == 2
    assert bed.clusters() == []
    with History.open("sqlite:///history.db") as history:
        assert {run.run for run in history.runs()} == {
            run for cell in state.cells for run in cell.runs
        }


def test_an_outage_fails_its_cell_only_and_its_cluster_can_be_kept(bed: Bed) -> None:
    bed.plan(PLAN + "keep_on_failure: true\n")
    bed.tell(outage=["drill cluster-upgrade"])
    state = bed.run().state
    assert verdicts(bed) == [VerdictKind.FAIL] * 2
    assert "upgrade to 1.36.3: cluster-upgrade" in state.cells[0].reason
    assert bed.clusters() == sorted(cell.cluster for cell in state.cells if cell.cluster_kept)
    assert state.cells[0].network != state.cells[1].network, (
        "the kept cluster's addresses are taken"
    )
    archive = bed.folder / "reports" / "nightly" / state.cycle / state.cells[0].diagnostics
    assert archive.read_text() == "of True", "collected while the cluster stood"
    assert bed.cycles().clean() == 2
    assert bed.clusters() == []


def test_a_cluster_that_cannot_be_made_is_aborted_and_the_next_cell_goes_on(bed: Bed) -> None:
    bed.tell(fail=["up"])
    bed.run()
    assert verdicts(bed) == [VerdictKind.ABORTED] * 2
    assert "there is no way" in bed.states()[-1].cells[0].reason
    assert bed.states()[-1].ended


@pytest.mark.parametrize("hangs", ["drill cluster-upgrade", "stubborn drill cluster-upgrade"])
def test_a_hanging_part_is_ended_and_recorded_and_the_cycle_goes_on(bed: Bed, hangs: str) -> None:
    bed.plan(PLAN.replace("heal: 1s", "heal: 1s, upgrade: 4s"))
    bed.tell(hang=["drill cluster-upgrade", *(["stubborn"] if "stubborn" in hangs else [])])
    state = bed.run().state
    assert verdicts(bed) == [VerdictKind.ABORTED] * 2
    assert "did not end within its limit of 4 s" in state.cells[0].reason
    assert bed.clusters() == []
    assert left_processes(state.cycle) == []
    assert len(state.cells[0].runs) == 2, "what the hanging drill recorded is judged"
    with History.open("sqlite:///history.db") as history:
        assert set(state.cells[0].runs) <= {run.run for run in history.runs()}


@pytest.mark.parametrize(
    ("happens", "part", "code", "words"),
    [
        ("killed", "drill app-rollout", -9, "was killed by SIGKILL, though its runs came to PASS"),
        ("ends_with_7", "drill app-rollout", 7, "ended with exit code 7, though its runs came to"),
        ("killed", "readiness", -9, "its process was killed by SIGKILL"),
        ("crashes", "readiness", 1, "ended with exit code 1 and printed no findings: Traceback"),
        ("another", "drill app-rollout", 0, "no run has a verdict on app-rollout"),
    ],
)
def test_a_part_whose_process_did_not_end_as_its_verdict_says_is_no_pass(
    bed: Bed, happens: str, part: str, code: int, words: str
) -> None:
    bed.plan(ONE_CELL)
    bed.tell(**{happens: [part]})
    bed.run()
    [cell] = bed.states()[-1].cells
    assert cell.verdict is VerdictKind.INCONCLUSIVE
    assert words in cell.reason
    assert code in [each.code for each in cell.parts]
    assert cell.parts[-1].name == "down"
    assert cell.parts[-1].code == 0, "the status of every child is recorded"


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        ("stale", "has the verdict of run "),
        ("empty", "after: its process ended with exit code 0 and left no run"),
    ],
)
def test_a_part_without_a_verdict_of_its_own_is_aborted(bed: Bed, happens: str, words: str) -> None:
    bed.plan(ONE_CELL)
    bed.tell(**{happens: ["drill app-rollout"]})
    bed.run()
    [cell] = bed.states()[-1].cells
    assert cell.verdict is VerdictKind.ABORTED
    assert words in cell.reason


def test_a_part_that_cannot_be_started_aborts_its_cell_and_not_the_cycle(bed: Bed) -> None:
    cycles = bed.cycles()
    cycles.program = (str(bed.folder / "no-such-program"),)
    store = cycles.run()
    assert store is not None
    assert verdicts(bed) == [VerdictKind.ABORTED] * 2
    assert "no-such-program could not be started: No such file" in store.state.cells[1].reason


def test_another_exit_code_does_not_make_a_failure_milder(bed: Bed) -> None:
    bed.plan(ONE_CELL)
    bed.tell(outage=["drill cluster-upgrade"], killed=["drill cluster-upgrade"])
    bed.run()
    assert verdicts(bed) == [VerdictKind.FAIL]
    assert "was killed by SIGKILL" in bed.states()[-1].cells[0].reason


@pytest.mark.parametrize(
    "phase", ["up", "drill pod-killed", "drill cluster-upgrade", "drill app-rollout", "down"]
)
def test_killed_in_any_phase_it_is_continued_and_nothing_is_left(bed: Bed, phase: str) -> None:
    bed.plan(ONE_CELL)
    bed.tell(hang=[phase])
    bed.kill_at(phase.split(maxsplit=1)[0])
    cut = bed.states()[0]
    assert not cut.ended
    assert left_processes(cut.cycle), "the part outlives the killed cycle"
    bed.tell()
    state = bed.run().state
    assert state.cycle == cut.cycle, "the same cycle goes on"
    assert left_processes(cut.cycle) == []
    assert bed.clusters() == []
    assert verdicts(bed) == [VerdictKind.PASS]
    assert state.cells[0].interruptions
    assert state.cells[0].attempt == (1 if phase == "down" else 2), (
        "a cell that has its verdict keeps it"
    )


def test_a_cell_that_kills_the_cycle_every_time_is_given_up(bed: Bed) -> None:
    bed.plan(PLAN + "attempts: 1\n")
    bed.tell(hang=["drill cluster-upgrade"])
    bed.kill_at("drill")
    bed.tell()
    bed.run()
    assert verdicts(bed) == [VerdictKind.ABORTED, VerdictKind.PASS]
    assert "never finished" in bed.states()[0].cells[0].reason


def test_another_plan_cleans_up_and_begins_anew(bed: Bed) -> None:
    bed.tell(hang=["drill cluster-upgrade"])
    bed.kill_at("drill")
    bed.tell()
    bed.plan(ONE_CELL)
    bed.run()
    old, new = bed.states()
    assert old.outcome == "given up: the plan is another one now"
    assert new.outcome == "finished"
    assert bed.clusters() == []


def test_asked_to_stop_it_cleans_up_and_a_next_start_goes_on(bed: Bed) -> None:
    bed.plan(ONE_CELL)
    bed.tell(hang=["drill cluster-upgrade"])
    process = bed.start()
    reached = bed.folder / "reached-drill"
    wait_for(
        "the drill",
        lambda: reached.exists() or None,
        seconds=PATIENCE_S,
        setting="a test's own",
        poll_s=0.05,
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) != 0
    assert bed.clusters() == []
    assert "asked to stop" in bed.states()[0].stopped[0]
    bed.tell()
    bed.run()
    assert verdicts(bed) == [VerdictKind.PASS]


def test_continuing_does_nothing_where_nothing_was_cut_off(bed: Bed) -> None:
    assert bed.cycles().run(begin=False) is None
    assert bed.states() == []


def test_two_cycles_never_run_at_once(bed: Bed) -> None:
    with cycle_lock(), pytest.raises(Unsafe, match=f"another cycle runs \\(process {os.getpid()}"):
        bed.run()
    assert bed.states() == []


def test_too_little_disk_stops_the_cycle_before_a_cell_and_it_goes_on_later(bed: Bed) -> None:
    bed.run()
    bed.plan(PLAN.replace("min_free_gb: 0", "min_free_gb: 1000000"))
    with pytest.raises(DiskFull, match="min_free_gb"):
        bed.run()
    first, second = bed.states()
    assert first.ended
    assert not second.ended
    assert [cell.verdict for cell in first.cells] == [VerdictKind.PASS] * 2
    assert bed.clusters() == []


FULL = """
import pathlib, sys, nightlykit
from kubedrill.nightly.state import DiskFull, all_cycles, read_state
bed = nightlykit.Bed(pathlib.Path.cwd())
cycles = bed.cycles()
seen = []
def tell(subject, text):
    if "upgrade" in text and not seen:
        seen.append(text)
        try:
            with open("reports/filler", "wb", buffering=0) as filler:
                while filler.write(b"x" * 4096):
                    pass
        except OSError as error:
            print("full:", error.errno)
cycles.tell = tell
try:
    cycles.run()
except DiskFull as error:
    print("stopped:", error)
pathlib.Path("reports/filler").unlink()
print("cells", [len(cell.parts) for cell in bed.states()[0].cells], "clusters", bed.clusters())
state = bed.run().state
print("then", [cell.verdict.value for cell in state.cells], state.cells[0].attempt, bed.clusters())
"""


def test_a_disk_that_really_is_full_leaves_the_record_intact(bed: Bed) -> None:
    """A small tmpfs as reports/, filled while the upgrade begins."""
    (bed.folder / "reports").mkdir()
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    trial = [*mount, "mount -t tmpfs tmpfs reports"]
    if subprocess.run(trial, cwd=bed.folder, check=False, capture_output=True).returncode:
        pytest.skip(
            "found no right to mount a tmpfs in a namespace of its own (unshare --mount "
            "--map-root-user)"
        )
    (bed.folder / "full.py").write_text(FULL)
    script = f"mount -t tmpfs -o size=16m tmpfs reports; exec {sys.executable} full.py"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/harness:{ROOT}/tests/unit/nightly"}
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": PATIENCE_S}
    done = subprocess.run([*mount, script], cwd=bed.folder, env=environment, check=False, **options)
    assert "full: 28" in done.stdout, done.stdout + done.stderr
    assert "stopped: the disk of" in done.stdout, done.stdout + done.stderr
    assert "cells [4, 0] clusters []" in done.stdout
    assert "then ['PASS', 'PASS'] 2 []" in done.stdout, done.stdout + done.stderr
