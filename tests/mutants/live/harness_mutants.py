"""Drills and undos that are broken, and two runs at once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livekit import Called, Cluster, Evidence, on_cluster, on_runner

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.api import ClusterApi
from kubedrill.faults import Drain, drain
from kubedrill.runner.heal import heal
from kubedrill.runner.lease import held_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import Answer

FAIL, ABORTED = Called.FAIL, Called.ABORTED
ROOT = Path(__file__).resolve().parents[3]
CLI = [sys.executable, "-c", "from kubedrill.cli import main; main()"]


def put_back(cluster: Cluster) -> None:
    """Put the cluster back as a user does: kubedrill heal."""
    cluster.patch.undo()
    left = heal(cluster.inventory, cluster.settings, lambda _text: None).left
    assert not left, f"kubedrill heal left {'; '.join(map(str, left))}"


@on_cluster("node-drain", FAIL, "is cordoned")
def node_left_cordoned(cluster: Cluster) -> Iterator[None]:
    """A drain does not let the node take pods again."""
    cluster.wait(20)
    cluster.patch.setattr(drain, "_uncordon", lambda _ctx, _node: None)
    try:
        yield
    finally:
        put_back(cluster)


@on_cluster(
    "drain-blocked", FAIL, "the refused drain names the budget: found the drain was not refused"
)
def drain_that_deletes(cluster: Cluster) -> Iterator[None]:
    """A drain deletes pods instead of evicting them, past any disruption budget."""
    ask = ClusterApi.ask

    def delete(api: ClusterApi, method: str, path: str, body: Any = None) -> Answer:
        pod = path.removesuffix("/eviction")
        return ask(api, method, path, body) if pod == path else ask(api, "DELETE", pod)

    cluster.patch.setattr(ClusterApi, "ask", delete)
    yield


@on_cluster("node-drain", FAIL, "everything was healed: found")
def stuck_undo(cluster: Cluster) -> Iterator[None]:
    """The undo of a fault fails each time."""

    def stuck(fault: Drain, _ctx: object) -> None:
        raise StepFailed(f"{fault.subject} gave no answer")

    cluster.wait(20)
    cluster.patch.setattr(Drain, "heal", stuck)
    try:
        yield
    finally:
        put_back(cluster)


@on_runner("pod-killed", ABORTED, "two at a time would break each other's verdict")
def second_drill_at_once(cluster: Cluster) -> Evidence:
    """A second run is started, as if from another host, while a drill is under way.

    The first must not suffer.
    """
    with tempfile.TemporaryDirectory() as folder:
        first = started(cluster, folder, "first")
        try:
            wait_for(
                "the first run to hold the cluster",
                lambda: True if held_by(cluster.api) else Waiting("nobody holds it"),
                seconds=120,
                setting="steady",
            )
            second = started(cluster, folder, "second")
            _, output = second.communicate(timeout=120)
            _, report = first.communicate(timeout=600)
        finally:
            first.terminate()
    assert first.returncode == 0, report
    return (Called.ABORTED if second.returncode == 4 else Called.PASS), " ".join(output.split())


def started(cluster: Cluster, folder: str, name: str) -> subprocess.Popen[str]:
    """Start kubedrill drill with a runtime directory of its own, as another host has one."""
    runtime = Path(folder) / name
    runtime.mkdir(mode=0o700)
    config = Path(folder) / f"{name}.yml"
    config.write_text(
        f"reports_dir: {runtime / 'reports'}\nhistory: {{enabled: false}}\n", encoding="utf-8"
    )
    command = [
        *CLI,
        "drill",
        "pod-killed",
        "--inventory",
        str(cluster.inventory.path),
        "--config",
        str(config),
    ]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "CI": "true"}
    with (runtime / "out").open("w") as out:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.PIPE, text=True
        )
