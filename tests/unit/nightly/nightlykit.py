"""A cycle in a folder of its own, with the stand-in for clusters.

In this process, or in one that can be killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from kubedrill.base.waits import wait_for
from kubedrill.nightly.cycle import Cycles
from kubedrill.nightly.plan_file import load_plan
from kubedrill.nightly.state import FOLDER, CycleState, Store, all_cycles, read_state
from kubedrill.record import read_record
from kubedrill.report.document import make_document
from kubedrill.report.run import Run
from kubedrill.verdict import judge

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
RECORDS = ROOT / "tests" / "records"
VERSIONS = {"1.35.4", "1.36.3"}
PROGRAM = (sys.executable, str(HERE / "stand_in.py"))
PLAN = """\
topologies: {1+1: , 3+2: }
versions: ["1.35.4 → 1.36.3"]
drills: {before: [pod-killed], during: [cluster-upgrade], after: [app-rollout]}
min_free_gb: 0
limits: {heal: 1s}
"""
CONFIG = "history: {database: 'sqlite:///history.db'}\n"
PATIENCE_S = 120


def _template(name: str, folder: Path) -> None:
    """A saved record and the verdict on it."""
    shutil.copy(RECORDS / f"{name}.jsonl", folder)
    record = read_record(RECORDS / f"{name}.jsonl")
    run = Run("template", (record,), (judge(record),), {})
    (folder / f"{name}.json").write_text(make_document(run).model_dump_json())


class Bed:
    """One folder with a plan, its reports and its clusters."""

    def __init__(self, folder: Path, plan: str = PLAN) -> None:
        self.folder = folder
        (folder / "kubedrill.yml").write_text(CONFIG)
        (folder / "templates").mkdir(exist_ok=True)
        for name in ("good", "bad"):
            _template(name, folder / "templates")
        self.plan(plan)

    def plan(self, text: str) -> None:
        (self.folder / "plan.yml").write_text(text)

    def tell(self, **notes: list[str]) -> None:
        (self.folder / "told.json").write_text(json.dumps(notes))

    def cycles(self) -> Cycles:
        plan = load_plan(self.folder / "plan.yml", VERSIONS)
        return Cycles(plan, self.folder / "plan.yml", None, lambda _subject, _text: None, PROGRAM)

    def run(self, **options: Any) -> Store:
        result = self.cycles().run(**options)
        assert result is not None
        return result

    def states(self) -> list[CycleState]:
        return [read_state(folder) for folder in all_cycles(self.folder / "reports" / FOLDER)]

    def clusters(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "clusters").glob("*"))

    def start(self) -> subprocess.Popen[bytes]:
        """The same cycle in a process of its own."""
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}/harness:{HERE}"}
        code = "import sys, pathlib, nightlykit; nightlykit.Bed.of(pathlib.Path(sys.argv[1])).run()"
        return subprocess.Popen(
            [sys.executable, "-c", code, str(self.folder)], cwd=self.folder, env=environment
        )

    @staticmethod
    def of(folder: Path) -> Bed:
        """The bed that stands in a folder already."""
        bed = Bed.__new__(Bed)
        bed.folder = folder
        return bed

    def kill_at(self, phase: str) -> None:
        """Start the cycle, and kill -9 it once the stand-in hangs in a phase.

        What it started goes on hanging.
        """
        process = self.start()
        try:
            reached = self.folder / f"reached-{phase}"
            wait_for(
                phase,
                lambda: reached.exists() or None,
                seconds=PATIENCE_S,
                setting="a test's own",
                poll_s=0.05,
            )
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
