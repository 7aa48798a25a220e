import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from kubedrill.base.model import Node
from kubedrill.base.waits import wait_for
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.watchdog import Watchdog, armed_watchdogs, main, watch

INVENTORY = """\
cluster:
  children:
    control_planes:
      hosts:
        cp1:
          ansible_host: 127.0.0.1
          power_off: "true"
          power_on: "touch {marker}"
  vars:
    cluster_virtual_address: 127.0.0.9
    cluster_node_network: 127.0.0.0/24
    cluster_kubernetes_version: 1.35.4
"""

HARNESS = """\
import signal
from pathlib import Path
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.watchdog import Watchdog
print(Watchdog(Inventory.load({path!r}), "cp1", 120, 60).arm(), flush=True)
signal.pause()
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def inventory() -> Inventory:
    return Inventory(Path("/inv"), "test", (Node("w1", "10.0.0.1", ("worker",)),), {})


def state(tmp_path: Path, **changes: Any) -> Path:
    me = psutil.Process()
    file = tmp_path / "undo.json"
    file.write_text(
        json.dumps({"pid": me.pid, "started": me.create_time(), "seconds": 5, **changes})
    )
    return file


def test_removing_the_file_disarms(tmp_path: Path) -> None:
    file = state(tmp_path)
    file_gone = Watchdog(inventory(), "w1", 120, 5)
    assert armed_watchdogs(inventory()) == []
    file_gone.file.write_text(file.read_text())
    assert armed_watchdogs(inventory()) == ["w1"]
    file_gone.disarm()
    assert armed_watchdogs(inventory()) == []


def test_another_process_with_the_same_number_does_not_count_as_the_harness(tmp_path: Path) -> None:
    assert watch(state(tmp_path, started=1.0), poll_s=0.01) == "harness gone"


def test_a_harness_that_hangs_runs_into_the_deadline(tmp_path: Path) -> None:
    assert watch(state(tmp_path, seconds=0.05), poll_s=0.01) == "deadline"


def test_a_configuration_that_was_spoilt_since_the_fault_leaves_no_node_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, path, config = tmp_path / "on", tmp_path / "hosts.yml", tmp_path / "kubedrill.yml"
    path.write_text(INVENTORY.format(marker=marker))
    config.write_text("drills: {node-drian: [\n")
    monkeypatch.chdir(tmp_path)
    file = state(tmp_path, started=1.0, inventory=str(path), power_s=120, node="cp1", verb="on")
    assert main([str(file)]) == 0
    assert marker.exists()
    assert not file.exists()


def test_a_killed_harness_gets_its_node_switched_on_again(tmp_path: Path) -> None:
    marker, path = tmp_path / "on", tmp_path / "hosts.yml"
    path.write_text(INVENTORY.format(marker=marker))
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS.format(path=str(path))], stdout=subprocess.PIPE, text=True
    )
    watchdog = psutil.Process(int(harness.stdout.readline()))
    os.kill(harness.pid, signal.SIGKILL)
    harness.wait()
    wait_for(
        "power on",
        lambda: True if marker.exists() else None,
        seconds=120,
        setting="power",
        poll_s=0.1,
    )
    gone = lambda: (  # noqa: E731
        None if watchdog.is_running() and watchdog.status() != psutil.STATUS_ZOMBIE else True
    )
    wait_for("the watchdog to end", gone, seconds=60, setting="power", poll_s=0.1)
    assert not list(tmp_path.glob("kubedrill/undo-*.json"))
