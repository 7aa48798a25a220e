"""Whether a playbook that was cut off at any moment is finished by the same command.

``python -m benchmarks.kill_windows --kills 10 --cuts 4`` needs a cluster's nodes for itself
(``--inventory``, by default the local ones); what is installed on them is reset first. It goes
through cycles of site.yml, upgrade.yml and reset.yml. Each run of a playbook is interrupted at
random moments, ``--per-run`` times (4): by ``kill -9`` of all of its processes, or by a cut of a
random node's power, in which the playbook is stopped and the power comes back. The same command
is run again each time without a pause, goes on where it was, and is interrupted later than before.
The last run has to end well:

- after site.yml all nodes are Ready, schedulable and of the inventory's version;
- after upgrade.yml the same at the new version, and nothing of the upgrade is left on them;
- after reset.yml the nodes are, file by file, what they were in the beginning;

and one more run has to change nothing (after upgrade.yml site.yml at the new version, as each
upgrade saves etcd). Each interruption is one line of
``benchmarks/results/kill-windows.jsonl`` at once; a later run of the same ``--seed`` goes on behind
those that are there. ``--table`` only writes the table of all of them.
It ends with 1 when an interruption was not finished.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil
from tests.roles.listing import list_nodes
from tests.roles.node_kubectl import ask
from tests.roles.playbook_runs import PLAYBOOK, RECAP, ROOT

from benchmarks import kill_window_rows as rows
from kubedrill.base.waits import wait_for
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.power import Power
from kubedrill.config import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = ROOT / "benchmarks" / "results"
TARGET = "1.36.3"
DEADLINE_S = 1200
STOPPED_AFTER_S = 15
"""Seconds after a power cut in which the playbook may notice it; then its user stops it."""
BOOT_S = 180
DURATIONS_S = {"site": 120.0, "upgrade": 300.0, "reset": 18.0}
"""Seconds of an undisturbed run on 2 cores (results/install.md, results/drills.md): the moments
are spread over them."""
UNCHANGING = {"site": "site", "upgrade": "upgraded site", "reset": "reset"}
"""What has to change nothing after a playbook: an upgrade saves etcd anew each time."""
POLL_S = 0.1


class Run:
    """One run of a playbook whose output is in a file."""

    def __init__(self, argv: list[str], output: Path) -> None:
        environment = {
            **os.environ,
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "1",  # else a task is named when it ends
            "PYTHONUNBUFFERED": "1",
        }
        self.output = output
        self.started = time.monotonic()
        with output.open("w") as stream:
            self.process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that began, the last one last."""
        text = self.output.read_text(encoding="utf-8", errors="replace")
        return re.findall(r"^TASK \[(.*?)\] \*", text, re.MULTILINE)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has come."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(seconds, 0))
        return self.process.returncode is not None

    def kill(self) -> None:
        """End all its processes at once; workers lead sessions of their own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            parent.suspend()
            processes = [parent, *parent.children(recursive=True)]
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()

    def finish(self) -> str:
        """Wait for its end; return what went wrong, or ""."""
        if not self.wait(DEADLINE_S):
            self.kill()
            return f"did not end in {DEADLINE_S} s, see {self.output}"
        code = self.process.returncode
        return f"ended with {code}, see {self.output}" if code else ""

    @property
    def changed(self) -> int:
        """Changed tasks of all hosts, by its recap."""
        return sum(int(changed) for _, changed, _, _ in RECAP.findall(self.output.read_text()))


class Bench(Protocol):
    """What the interruptions are made on."""

    nodes: tuple[str, ...]

    def start(self, playbook: str) -> Run:
        """Start a playbook as a user does."""

    def cut(self, run: Run, node: str) -> None:
        """Cut a node's power, stop the playbook, and give the power back."""

    def problem(self, playbook: str) -> str:
        """What is not as the playbook should have left it, or ""."""


class ClusterBench:
    """Nodes of an inventory, and what they were like in the beginning."""

    def __init__(self, inventory: Inventory, folder: Path) -> None:
        self.inventory, self.folder, self.count = inventory, folder, 0
        self.nodes = tuple(node.name for node in inventory.nodes)
        settings = Settings()
        self.hosts, self.power = Hosts(inventory, settings), Power(inventory, settings)
        self.before: dict[str, set[str]] = {}

    def start(self, playbook: str) -> Run:
        """Start a playbook as a user does."""
        arguments = {
            "site": ["site.yml"],
            "upgrade": ["playbooks/upgrade.yml", "-e", f"upgrade_to={TARGET}"],
            "reset": ["playbooks/reset.yml", "-e", f"reset_confirm={self.inventory.name}"],
            "upgraded site": ["site.yml", "-e", f"cluster_kubernetes_version={TARGET}"],
        }[playbook]
        self.count += 1
        argv = [str(PLAYBOOK), "-i", str(self.inventory.path), *arguments]
        return Run(argv, self.folder / f"{self.count:03}-{playbook}.log")

    def cut(self, run: Run, node: str) -> None:
        """Cut a node's power, stop the playbook, and give the power back."""
        machine = self.inventory.node(node)
        self.power.off(machine)
        if not run.wait(STOPPED_AFTER_S):
            run.kill()
        self.power.on(machine)
        self.hosts.forget(machine)
        wait_for(
            f"SSH on {node}",
            lambda: self.hosts.reachable(machine) or None,
            seconds=BOOT_S,
            setting="a benchmark's own",
        )

    def empty(self) -> None:
        """Reset the nodes, and remember what they are like then.

        Exits the program where that is not possible.
        """
        if problem := self.start("reset").finish():
            sys.exit(f"reset.yml {problem}: it has to work undisturbed before anything is cut off")
        self.before = self._list()

    def _list(self) -> dict[str, set[str]]:
        listing = list_nodes(self.hosts, self.inventory.nodes)
        return {name: set(lines) for name, lines in listing.items()}

    def problem(self, playbook: str) -> str:
        """What is not as the playbook should have left it, or ""."""
        if playbook == "reset":
            after = self._list()
            return "; ".join(
                f"{name} differs: {sorted(after[name] ^ lines)[:3]}"
                for name, lines in self.before.items()
                if after[name] != lines
            )
        version = TARGET if playbook == "upgrade" else self.inventory.kubernetes_version
        listing = ask(self.hosts, self.inventory, "get", "nodes")["items"]
        nodes = {node["metadata"]["name"]: node for node in listing}
        problems = [f"{name} is missing" for name in self.nodes if name not in nodes]
        for name, node in nodes.items():
            ready = {c["type"]: c["status"] for c in node["status"]["conditions"]}["Ready"]
            running = node["status"]["nodeInfo"]["kubeletVersion"]
            annotations = node["metadata"].get("annotations", {})
            marks = [key for key in annotations if key.startswith("kubedrill")]
            actual = (ready, running, node["spec"].get("unschedulable", False), marks)
            if actual != ("True", f"v{version}", False, []):
                problems.append(f"{name}: {actual}")
        return "; ".join(problems)


def interrupt(
    bench: Bench,
    playbook: str,
    plans: list[rows.Plan],
    record: Callable[[rows.Plan, str, str, float], None],
) -> tuple[Run, list[int]]:
    """Run a playbook and interrupt it; return its last run, under way, and what it has to settle.

    Each interruption has a random moment of its own part of the playbook's time, which begins to
    run again when as many tasks have begun as at the interruption before. A run that is over before
    its moment has come leaves the interruptions that are left unmade.
    """
    share = DURATIONS_S[playbook] / len(plans)
    run, numbers, reached, before = bench.start(playbook), [], 0, 0.0
    for index, each in enumerate(plans):
        while len(run.tasks) < reached and run.seconds < DEADLINE_S:
            if run.wait(POLL_S):
                return run, numbers
        position = (index + each.moment) * share
        if run.wait(position - before):
            return run, numbers
        before = position
        tasks, node = run.tasks, bench.nodes[int(each.pick * len(bench.nodes))]
        reached = len(tasks)
        how = f"power of {node}" if each.cut else "kill -9"
        record(each, how, tasks[-1] if tasks else "(start)", run.seconds)
        numbers.append(each.number)
        if each.cut:
            bench.cut(run, node)
        else:
            run.kill()
        run = bench.start(playbook)
    return run, numbers


def settle(bench: Bench, playbook: str, run: Run) -> tuple[float, str, int | None]:
    """Let the same command finish; return its seconds, what is wrong, and what one more changed."""
    problem = run.finish()
    seconds = run.seconds
    problem = problem or bench.problem(playbook)
    if problem:
        return seconds, problem, None
    again = bench.start(UNCHANGING[playbook])
    if problem := again.finish():
        return seconds, f"run once more it {problem}", None
    return seconds, "", again.changed


def run_all(bench: Bench, options: argparse.Namespace, commit: str) -> bool:
    """Make all interruptions; return whether each was finished by the same command."""
    events, _ = rows.read(options.rows)
    first = rows.next_number(events, options.seed)
    plans = rows.plan(options.seed, first, options.kills, options.cuts)

    def record(each: rows.Plan, how: str, task: str, after_s: float) -> None:
        date = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        event = rows.Event(
            options.seed, each.number, playbook, how, task, round(after_s, 1), commit, date
        )
        rows.append(options.rows, event)
        print(f"{each.number}: {playbook}.yml, {how} after {after_s:.0f} s in {task!r}", flush=True)

    for playbook, chain in rows.chains(plans, options.per_run):
        run, numbers = interrupt(bench, playbook, chain, record)
        seconds, problem, changed = settle(bench, playbook, run)
        if numbers:
            outcome = rows.Outcome(
                options.seed, tuple(numbers), round(seconds, 1), problem, changed
            )
            rows.append(options.rows, outcome)
        print(f"{playbook}.yml: {problem or f'finished in {seconds:.0f} s, then {changed=}'}")
        if problem or changed:  # the next playbook would start from something else
            return False
    return True


def main() -> int:
    """Interrupt, finish, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inventory", default=ROOT / "inventories/local", type=Path)
    parser.add_argument("--kills", default=0, type=int, help="how many kills to make")
    parser.add_argument("--cuts", default=0, type=int, help="how many power cuts to make")
    parser.add_argument("--per-run", default=4, type=int, help="interruptions of one run")
    parser.add_argument("--seed", default=1, type=int)
    parser.add_argument("--rows", default=RESULTS / "kill-windows.jsonl", type=Path)
    parser.add_argument("--table", action="store_true", help="only write the table of all rows")
    options = parser.parse_args()
    if min(options.kills, options.cuts, options.per_run - 1) < 0:
        parser.error("--kills and --cuts are 0 or more, --per-run is 1 or more")
    finished = True
    if not options.table and options.kills + options.cuts:
        folder = Path(tempfile.mkdtemp(prefix="kill-windows-"))
        print(f"every run's output is in {folder}", flush=True)
        bench = ClusterBench(Inventory.load(options.inventory), folder)
        bench.empty()
        commit = subprocess.run(
            ["git", "rev-parse", "--short=8", "HEAD"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        finished = run_all(bench, options, commit)
    events, outcomes = rows.read(options.rows)
    rows.write_table(RESULTS / "kill-windows.md", events, outcomes)
    return 0 if finished else 1


if __name__ == "__main__":
    sys.exit(main())
