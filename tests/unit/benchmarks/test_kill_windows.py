"""Interruptions of playbooks: what is planned, made, written down and told, without a cluster."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from benchmarks import kill_window_rows as rows
from benchmarks import kill_windows
from benchmarks.kill_windows import Run, run_all

from kubedrill.base.waits import wait_for

if TYPE_CHECKING:
    from pathlib import Path

TASKS = 50


class FakeRun(Run):
    """A run of fifty tasks, a second each, whose clock is its own."""

    def __init__(self, done: int) -> None:
        self.begun = self.now = 0.0
        self.done, self.ended = done, False

    @property
    def seconds(self) -> float:
        return self.now

    @property
    def position(self) -> float:
        """Tasks that are done already take a tenth."""
        return min(self.now * 10, self.done + max(self.now - self.done / 10, 0))

    @property
    def tasks(self) -> list[str]:
        return [f"task {number}" for number in range(int(self.position))]

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.ended = self.position >= TASKS
        return self.ended

    def kill(self) -> None:
        assert not self.ended

    def finish(self) -> str:
        self.now += 1000
        return ""

    @property
    def changed(self) -> int:
        return 0


class FakeBench:
    """Nodes on which a playbook goes on where it was cut off."""

    nodes = ("cp1", "w1")

    def __init__(self, problem: str = "") -> None:
        self.wrong, self.started = problem, list[str]()
        self.run: FakeRun | None = None

    def start(self, playbook: str) -> FakeRun:
        same = self.run is not None and self.started[-1] == playbook
        done = len(self.run.tasks) if self.run and same else 0
        self.started.append(playbook)
        self.run = FakeRun(done)
        return self.run

    def cut(self, run: Run, node: str) -> None:
        assert node in self.nodes
        run.kill()

    def problem(self, playbook: str) -> str:
        return self.wrong if playbook == "upgrade" else ""


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    monkeypatch.setattr(kill_windows, "DURATIONS_S", dict.fromkeys(rows.PLAYBOOKS, TASKS * 0.95))
    return argparse.Namespace(
        rows=tmp_path / "results" / "rows.jsonl", seed=7, kills=10, cuts=4, per_run=5
    )


def test_each_interruption_is_a_row_and_each_is_finished(options: argparse.Namespace) -> None:
    bench = FakeBench()
    assert run_all(bench, options, "abc")
    events, outcomes = rows.read(options.rows)
    assert sum(event.how == "kill -9" for event in events) == 10
    assert sum(event.how.startswith("power of ") for event in events) == 4
    assert [event.number for event in events] == list(range(14))
    assert [len(outcome.settles) for outcome in outcomes] == [5, 5, 4]
    assert {rows.verdict(event, outcomes) for event in events} == {("yes", "yes")}
    # each interruption, the run that ends, and one more
    upgrades = [*["upgrade"] * 6, "upgraded site"]
    assert bench.started == ["site"] * 7 + upgrades + ["reset"] * 6


def test_a_run_is_cut_off_later_than_the_one_before(options: argparse.Namespace) -> None:
    run_all(FakeBench(), options, "abc")
    events, _ = rows.read(options.rows)
    for playbook in rows.PLAYBOOKS:
        tasks = [
            int(e.task.split()[-1]) for e in events if e.playbook == playbook and "task" in e.task
        ]
        assert tasks == sorted(tasks)
        assert tasks[-1] > TASKS / 2


def test_a_later_run_goes_on_where_the_rows_of_its_seed_end(options: argparse.Namespace) -> None:
    run_all(FakeBench(), options, "abc")
    options.kills, options.cuts = 2, 1
    run_all(FakeBench(), options, "def")
    options.seed = 8
    run_all(FakeBench(), options, "def")
    events, _ = rows.read(options.rows)
    assert [event.number for event in events if event.seed == 7] == list(range(17))
    assert [event.number for event in events if event.seed == 8] == [0, 1, 2]


def test_a_seed_gives_the_same_interruptions_in_one_part_or_in_several() -> None:
    one = rows.plan(1, 0, 4, 2)
    assert [(each.moment, each.pick) for each in rows.plan(1, 3, 3, 0)] == [
        (each.moment, each.pick) for each in one[3:]
    ]
    assert rows.plan(1, 0, 4, 2) == one != rows.plan(2, 0, 4, 2)


def test_a_failure_ends_it_and_stands_in_the_table(options: argparse.Namespace) -> None:
    assert not run_all(FakeBench("cp1: False | x"), options, "abc")
    events, outcomes = rows.read(options.rows)
    assert [event.playbook for event in events] == ["site"] * 5 + ["upgrade"] * 5
    text = rows.table(events, outcomes)
    assert text.startswith("5 of 10 interruptions (")
    assert text.count("no: cp1: False / x | not tried") == 5


def test_what_nothing_settles_is_no_success(options: argparse.Namespace) -> None:
    class Broken(FakeBench):
        def problem(self, playbook: str) -> str:
            raise KeyboardInterrupt(playbook)

    with pytest.raises(KeyboardInterrupt):
        run_all(Broken(), options, "abc")
    text = rows.table(*rows.read(options.rows))
    assert text.startswith("0 of 5 interruptions")
    assert text.count("not known | not known") == 5


def test_a_rerun_that_changes_something_is_no_success(
    options: argparse.Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeRun, "changed", 3)
    assert not run_all(FakeBench(), options, "abc")
    assert "| yes | no: 3 changed |" in rows.table(*rows.read(options.rows))


def test_a_line_that_was_cut_is_no_row(options: argparse.Namespace) -> None:
    run_all(FakeBench(), options, "abc")
    events, outcomes = rows.read(options.rows)
    text = options.rows.read_text()
    options.rows.write_text(text[:-5])
    assert rows.read(options.rows) == (events, outcomes[:-1])
    assert all(json.loads(line) for line in text.splitlines())


def test_the_table_takes_the_place_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{rows.BEGIN}\nold\n{rows.END}\n\nAfter\n")
    for _ in range(2):
        rows.write_table(page, [], [])
    text = page.read_text()
    assert text.startswith("# Title\n")
    assert text.endswith("\n\nAfter\n")
    assert text.count("| seed |") == 1
    assert "old" not in text
    page.write_text("# Title\n")
    with pytest.raises(ValueError, match="has no lines"):
        rows.write_table(page, [], [])


def test_the_page_of_the_repository_has_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((kill_windows.RESULTS / "kill-windows.md").read_text())
    rows.write_table(page, [], [])


PARENT = """
import subprocess, sys, time
argv = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(argv, start_new_session=True)
print("TASK [role : Wait for", child.pid, flush=True, end="] ***\\n")
time.sleep(600)
"""


def test_a_kill_reaches_workers_in_sessions_of_their_own(tmp_path: Path) -> None:
    run = Run([sys.executable, "-c", PARENT], tmp_path / "output.log")
    while not run.tasks:
        assert not run.wait(0.05), run.output.read_text()
    worker = psutil.Process(int(run.tasks[0].split()[-1]))
    run.kill()
    wait_for(
        "the worker's end",
        lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE or None,
        seconds=30,
        setting="a test's own",
    )
    assert run.wait(0)
