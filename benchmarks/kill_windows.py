"""Whether a playbook that was cut off at any moment is finished by the same command.

``python -m benchmarks.kill_windows [--rounds 5] [--power-rounds 2] [--seed 1] [--inventory DIR]``
needs bare nodes for itself (``vagrant up --no-provision``). After one undisturbed cycle of
site.yml, upgrade.yml and reset.yml, which gives their durations, each round goes through the same
cycle and interrupts each playbook once, at a random moment: ``kill -9`` of all of its processes,
or, in the power rounds, a cut of a random node's power, in which the playbook is stopped and the
power comes back. Then the same command is run again, without a pause, and has to end well:

- after site.yml all nodes are Ready, schedulable and of the inventory's version;
- after upgrade.yml the same at the new version, and nothing of the upgrade is left on them;
- after reset.yml the nodes are, file by file, what they were in the beginning.

It prints one row for each interruption, and ends with 1 when one was not mended.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.roles.listing import list_nodes
from tests.roles.node_kubectl import ask

from kubedrill.base.waits import wait_for
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.power import Power
from kubedrill.config import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import Node

ROOT = Path(__file__).resolve().parent.parent
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
TARGET = "1.36.3"
DEADLINE_S = 1200
STOPPED_AFTER_S = 15
"""Seconds after a power cut in which the playbook may notice it; then its user stops it."""
BOOT_S = 180
PLAYBOOKS = ("site", "upgrade", "reset")


@dataclass
class Run:
    """One run of a playbook whose output is in a file."""

    process: subprocess.Popen[str]
    output: Path
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    @property
    def task(self) -> str:
        """Name of the last task that began."""
        lines = self.output.read_text(encoding="utf-8", errors="replace").splitlines()
        tasks = [line for line in lines if line.startswith("TASK [")]
        return tasks[-1].removeprefix("TASK [").split("]")[0] if tasks else "(start)"

    def kill(self) -> None:
        """End all its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def finish(self) -> tuple[bool, float]:
        """Wait for its end; return whether it went well, and its seconds."""
        try:
            code = self.process.wait(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            code = -1
        return code == 0, self.seconds


class Bench:
    """The nodes, and what they were like in the beginning."""

    def __init__(self, inventory: Inventory, folder: Path, seed: int) -> None:
        self.inventory = inventory
        self.folder = folder
        self.random = random.Random(seed)  # noqa: S311 - moments, not secrets
        settings = Settings()
        self.hosts = Hosts(inventory, settings)
        self.power = Power(inventory, settings)
        self.before = self._list()
        self.durations: dict[str, float] = {}
        self.count = 0

    def _list(self) -> dict[str, set[str]]:
        listed = list_nodes(self.hosts, self.inventory.nodes)
        return {name: set(lines) for name, lines in listed.items()}

    def start(self, playbook: str) -> Run:
        """Start a playbook as a user does."""
        arguments = {
            "site": ["site.yml"],
            "upgrade": ["playbooks/upgrade.yml", "-e", f"upgrade_to={TARGET}"],
            "reset": ["playbooks/reset.yml", "-e", f"reset_confirm={self.inventory.name}"],
        }[playbook]
        self.count += 1
        output = self.folder / f"{self.count:03}-{playbook}.log"
        environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "PYTHONUNBUFFERED": "1"}
        with output.open("w") as stream:
            process = subprocess.Popen(
                [PLAYBOOK, "-i", self.inventory.path, *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        return Run(process, output)

    def measure(self) -> None:
        """Go through one undisturbed cycle.

        Exits the program where a playbook does not even work undisturbed.
        """
        for playbook in PLAYBOOKS:
            run = self.start(playbook)
            ended_well, seconds = run.finish()
            faults = self.faults(playbook)
            if not ended_well or faults:
                sys.exit(f"{playbook}.yml fails undisturbed: {faults}; see {run.output}")
            self.durations[playbook] = seconds

    def interrupt(self, playbook: str, *, power: bool) -> Iterator[str]:
        """Interrupt a playbook once and finish it; yield the cells of its row."""
        run = self.start(playbook)
        moment = self.random.uniform(0, self.durations[playbook])
        node = self.random.choice(self.inventory.nodes) if power else None
        try:
            run.process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            how = self._cut(run, node)
        else:
            how = "had ended"
        yield f"{playbook}.yml"
        yield how
        yield f"{moment:.0f} of {self.durations[playbook]:.0f}"
        yield run.task
        again = self.start(playbook)
        ended_well, seconds = again.finish()
        faults = self.faults(playbook) if ended_well else [f"failed, see {again.output}"]
        yield f"{seconds:.0f}"
        yield "; ".join(faults) or "mended"

    def _cut(self, run: Run, node: Node | None) -> str:
        if node is None:
            run.kill()
            return "kill -9"
        self.power.off(node)
        try:
            run.process.wait(timeout=STOPPED_AFTER_S)
        except subprocess.TimeoutExpired:
            run.kill()
        self.power.on(node)
        self.hosts.forget(node)
        wait_for(
            f"SSH on {node.name}",
            lambda: self.hosts.reachable(node) or None,
            seconds=BOOT_S,
            setting="a benchmark's own",
        )
        return f"power of {node.name}"

    def faults(self, playbook: str) -> list[str]:
        """What is not as the playbook should have left it."""
        if playbook == "reset":
            after = self._list()
            return [
                f"{name} differs: {sorted(after[name] ^ lines)[:3]}"
                for name, lines in self.before.items()
                if after[name] != lines
            ]
        version = TARGET if playbook == "upgrade" else self.inventory.kubernetes_version
        nodes = {
            node["metadata"]["name"]: node
            for node in ask(self.hosts, self.inventory, "get", "nodes")["items"]
        }
        faults = [
            f"{node.name} is missing" for node in self.inventory.nodes if node.name not in nodes
        ]
        for name, node in nodes.items():
            ready = {c["type"]: c["status"] for c in node["status"]["conditions"]}["Ready"]
            running = node["status"]["nodeInfo"]["kubeletVersion"]
            marks = [
                k for k in node["metadata"].get("annotations", {}) if k.startswith("kubedrill")
            ]
            actual = (ready, running, node["spec"].get("unschedulable", False), marks)
            if actual != ("True", f"v{version}", False, []):
                faults.append(f"{name}: {actual}")
        return faults


def main() -> int:
    """Interrupt, finish and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inventory", default=ROOT / "inventories/local", type=Path)
    parser.add_argument("--rounds", default=5, type=int, help="cycles with three kills each")
    parser.add_argument("--power-rounds", default=2, type=int, help="cycles with three power cuts")
    parser.add_argument("--seed", default=1, type=int)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-windows-"))
    bench = Bench(Inventory.load(options.inventory), folder, options.seed)
    bench.measure()
    print(f"seed {options.seed}; every run's output is in {folder}")
    print("| n | playbook | cut | after s | task under way | same command again, s | result |")
    print("|---:|---|---|---:|---|---:|---|", flush=True)
    results: list[str] = []
    for cycle in range(options.rounds + options.power_rounds):
        for playbook in PLAYBOOKS:
            cells = list(bench.interrupt(playbook, power=cycle >= options.rounds))
            results.append(cells[-1])
            print(f"| {len(results)} | {' | '.join(cells)} |", flush=True)
            if results[-1] != "mended":  # the next playbook would start from something else
                return 1
    print(f"\n{len(results)} of {len(results)} interruptions were mended by the same command")
    return 0


if __name__ == "__main__":
    sys.exit(main())
