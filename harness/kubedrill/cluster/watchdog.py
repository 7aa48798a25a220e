"""A process on the harness host that switches a node on, or wakes it.

It does so when the harness died or hung.
``python -m kubedrill.cluster.watchdog FILE`` waits until FILE is removed (disarmed: nothing to do),
the harness process is gone, or the deadline passed; in the last two cases it switches the node on,
or wakes a paused one. FILE is JSON: inventory, node, power_s, verb ("on" or "resume"), pid and
start time of the harness, seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from kubedrill.base.errors import DeadlineExceeded, UsageError
from kubedrill.base.waits import wait_for
from kubedrill.cluster.inventory import Inventory

_POLL_S = 1.0

_MODULE = "kubedrill.cluster.watchdog"
"""This module, as its process is started."""


def runtime_dir() -> Path:
    """Where the project keeps locks and armed undos of this user (0700).

    Gone after a reboot, as they are.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    path = (
        Path(base) / "kubedrill"
        if base
        else Path(tempfile.gettempdir()) / f"kubedrill-{os.getuid()}"
    )
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise UsageError(
            f"{path} belongs to somebody else; expected a folder of this user. Remove it or set "
            "TMPDIR."
        )
    return path


@dataclass(frozen=True)
class Watchdog:
    """The undo of one power cut or pause.

    Fires after ``seconds``, or as soon as this process is gone.
    """

    inventory: Inventory
    node: str
    power_s: float
    """Seconds that one power command may take: timeouts.power."""
    seconds: float
    verb: str = "on"  # or "resume"

    @property
    def file(self) -> Path:
        """The file whose removal disarms it."""
        return runtime_dir() / f"undo-{self.inventory.name}-{self.node}.json"

    def arm(self) -> int:
        """Start the watching process and return its process id."""
        state = {
            "inventory": str(self.inventory.path.resolve()),
            "power_s": self.power_s,
            "node": self.node,
            "verb": self.verb,
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
            "seconds": self.seconds,
        }
        self.file.write_text(json.dumps(state), encoding="utf-8")
        with self.file.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return process.pid

    def disarm(self) -> None:
        """Tell the watching process that there is nothing left to undo."""
        self.file.unlink(missing_ok=True)
        self.file.with_suffix(".log").unlink(missing_ok=True)


def armed_watchdogs(inventory: Inventory) -> list[str]:
    """Names of the nodes whose power would be given back by a watchdog, armed from this host."""
    return [
        node.name for node in inventory.nodes if Watchdog(inventory, node.name, 0, 0).file.exists()
    ]


def idle_watchers(inventory: Inventory) -> list[int]:
    """Return the ids of watching processes of this cluster whose undo was disarmed."""
    return [
        pid
        for pid, process in _watchers(inventory).items()
        if not Path(process.info["cmdline"][-1]).exists()
    ]


def end_watcher(inventory: Inventory, pid: int) -> None:
    """End a watching process of this cluster.

    One that is gone, or has become another's, is left alone.
    """
    process = _watchers(inventory).get(pid)
    if process is not None:
        process.terminate()


def _watchers(inventory: Inventory) -> dict[int, psutil.Process]:
    """Return the watching processes of this cluster on this host, by process id."""
    prefix = str(runtime_dir() / f"undo-{inventory.name}-")
    processes = {}
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if _MODULE in line and line[-1].startswith(prefix):
            processes[process.pid] = process
    return processes


def watch(file: Path, poll_s: float = _POLL_S) -> str:
    """Wait until the undo is disarmed or due. Returns "disarmed", "harness gone" or "deadline"."""
    state = json.loads(file.read_text(encoding="utf-8"))

    def probe() -> str | None:
        if not file.exists():
            return "disarmed"
        return None if _alive(state) else "harness gone"

    try:
        return wait_for(
            "the undo to be disarmed",
            probe,
            seconds=state["seconds"],
            setting="recovery",
            poll_s=poll_s,
        )
    except DeadlineExceeded:
        return "deadline"


def _alive(state: dict[str, Any]) -> bool:
    """Whether the very process that armed the undo still runs.

    Another one with its number does not count.
    """
    try:
        process = psutil.Process(state["pid"])
        return (
            bool(process.create_time() == state["started"])
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False


def main(argv: list[str]) -> int:
    """Watch one file; switch the node on, or wake it, if that is due."""
    from kubedrill.cluster.power import Power  # noqa: PLC0415 - it waits for minutes and mostly never needs it
    from kubedrill.config import Settings, Timeouts  # noqa: PLC0415 - same

    file = Path(argv[0])
    state = json.loads(file.read_text(encoding="utf-8"))
    why = watch(file)
    if why != "disarmed":
        inventory = Inventory.load(state["inventory"])
        # The configuration is not read: whatever became of it since, the node gets its power.
        settings = Settings(timeouts=Timeouts(power=state["power_s"]))
        power, node = Power(inventory, settings), inventory.node(state["node"])
        (power.resume if state.get("verb") == "resume" else power.on)(node)
        file.unlink(missing_ok=True)
        file.with_suffix(".log").unlink(
            missing_ok=True
        )  # stays where the power could not be given back
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
