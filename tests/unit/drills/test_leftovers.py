"""The script that looks at a node, run by a real shell.

Systemctl, nft, tc and ctr print what the test gives.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kubernetes.client import ApiException

from kubedrill.apps import APPLIED_LABEL
from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Node
from kubedrill.cluster import watchdog
from kubedrill.core import leftovers
from kubedrill.core.leftovers import (
    Baseline,
    find_blocking,
    find_leftovers,
    parse,
    scan,
    scan_api,
    script,
)
from kubedrill.faults import power
from kubedrill.faults.traces import Leftover

CONTROL = Node("cp1", "10.0.0.1", ("control_plane",))
WORKER = Node("w1", "10.0.0.2", ("worker",))
RUNNING = (
    "Id={}.service\nLoadState=loaded\nActiveState=active\nFreezerState=running\n"
    "UnitFileState=enabled\n"
)
HEALTHY = "\n".join(
    RUNNING.format(name) for name in ("containerd", "kubelet", "keepalived", "haproxy")
)


@pytest.fixture
def view(tmp_path: Path) -> Any:
    """Run the script on a node that the test made below ``root``, with its programs."""
    programs, root = tmp_path / "bin", tmp_path / "root"
    programs.mkdir()
    for folder in ("etc/kubernetes/manifests", "var/lib", "tmp"):
        (root / folder).mkdir(parents=True)
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        (root / f"etc/kubernetes/manifests/{name}.yaml").write_text("kind: Pod\n")

    def run(node: Node = CONTROL, services: str = HEALTHY, **printed: str) -> list[str]:
        say = {"nft": "", "tc": "", "ctr": "TASK PID STATUS\n", **printed}
        for name, text in say.items():
            (tmp_path / f"{name}.txt").write_text(text)
            program(programs / name, f"cat {tmp_path}/{name}.txt")
        (tmp_path / "units.txt").write_text(printed.get("units", ""))
        (tmp_path / "services.txt").write_text(services)
        picture = (
            f"case $1 in show) cat {tmp_path}/services.txt ;; *) cat {tmp_path}/units.txt ;; esac"
        )
        program(programs / "systemctl", picture)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-c", script(node, str(root))],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [str(item) for item in parse(node.name, done.stdout) if item.kind != "frozen"]

    return run


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_a_node_as_it_should_be_has_nothing(view: Any) -> None:
    nft = "table inet kube-proxy\ntable ip filter\n"
    tc = "qdisc noqueue 0: dev lo root refcnt 2\nqdisc tbf 1: dev veth77 root refcnt 2 rate 1Mbit\n"
    assert view(nft=nft, tc=tc) == []


def test_everything_that_a_fault_leaves_is_named(view: Any, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/kubernetes/kubedrill-fault").mkdir()
    (root / "etc/kubernetes/manifests/etcd.yaml").rename(
        root / "etc/kubernetes/kubedrill-fault/etcd.yaml"
    )
    (root / "var/lib/kubedrill-fault-fill").write_text("12345")
    (root / "var/lib/etcd").mkdir()
    (root / "var/lib/etcd/member.kubedrill-fault").mkdir()
    result = view(
        nft="table ip filter\ntable inet kubedrill_fault\ntable arp kubedrill_fault\n",
        tc="qdisc tbf 8001: dev eth0 root refcnt 2 rate 2Mbit burst 4Kb\n",
        ctr="TASK PID STATUS\nabc 1 RUNNING\ndef 2 PAUSED\n",
        units="kubedrill-undo-cp1-kubelet-stop.timer loaded active waiting x\n"
        "kubedrill-fault-cpu.service loaded active running y\n",
    )
    text = "\n".join(result)
    for words in (
        "table inet kubedrill_fault",
        "table arp kubedrill_fault",
        "tbf eth0",
        "member.kubedrill-fault is still kept aside",
        "container def is paused",
        "kubedrill-undo-cp1-kubelet-stop.timer",
        "kubedrill-fault-cpu.service",
        "manifest of etcd is missing",
        "etcd.yaml of a fault is still parked",
        "/var/lib/kubedrill-fault-fill of a fault is still there (5 bytes)",
    ):
        assert words in text
    assert len(result) == 10


def test_an_emptied_manifest_is_missing_too_and_a_worker_needs_none(
    view: Any, tmp_path: Path
) -> None:
    (tmp_path / "root/etc/kubernetes/manifests/kube-scheduler.yaml").write_text("")
    assert view() == [
        "cp1: static pod manifest of kube-scheduler is missing from /etc/kubernetes/manifests"
    ]
    assert view(WORKER) == []


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"ActiveState": "inactive"}, "inactive"),
        ({"ActiveState": "failed"}, "failed"),
        ({"UnitFileState": "masked"}, "active and masked"),
        ({"UnitFileState": "masked-runtime", "ActiveState": "inactive"}, "inactive and masked"),
        ({"FreezerState": "frozen"}, "frozen"),
        (
            {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""},
            None,
        ),  # another balancer's cluster
        ({"UnitFileState": "disabled", "ActiveState": "inactive"}, None),
    ],
)
def test_a_service_that_does_not_run_is_told_unless_its_owner_does_without(
    change: Any, missing: str | None
) -> None:
    state = dict(line.split("=") for line in RUNNING.format("keepalived").splitlines()) | change
    text = "--service--\n" + "\n".join(f"{key}={value}" for key, value in state.items())
    result = [str(item) for item in parse("cp1", text)]
    assert result == ([f"cp1: service keepalived is {missing}, expected active"] if missing else [])


def test_a_kubelet_that_is_not_there_is_always_told() -> None:
    text = (
        "--service--\nId=kubelet.service\nLoadState=not-found\nActiveState=inactive\n"
        "UnitFileState=disabled\n"
    )
    assert [str(item) for item in parse("w1", text)] == [
        "w1: service kubelet is inactive, expected active"
    ]


def test_a_frozen_process_is_found_by_its_state(view: Any) -> None:
    assert view() == []  # makes the programs
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        process.send_signal(19)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        done = subprocess.run(
            ["sh", "-c", script(WORKER)], capture_output=True, text=True, check=False
        )
        frozen = [item.what for item in parse("w1", done.stdout) if item.kind == "frozen"]
        assert str(process.pid) in frozen
    finally:
        process.kill()
        process.wait()


class Api:
    """What the cluster says of its nodes, namespaces and pods."""

    def __init__(
        self,
        *,
        cordoned: bool = False,
        taints: tuple[str, ...] = (),
        spaces: Any = (),
        pods: Any = (),
    ) -> None:
        marks = [SimpleNamespace(key=key, value=None, effect="NoSchedule") for key in taints]
        node = SimpleNamespace(
            metadata=SimpleNamespace(name="w1"),
            spec=SimpleNamespace(unschedulable=cordoned, taints=marks),
        )
        self.nodes = lambda: [node]
        self.pods = lambda selector: [
            SimpleNamespace(metadata=SimpleNamespace(namespace=ns, name=name))
            for ns, name in pods
            if selector
        ]
        listed = [
            SimpleNamespace(metadata=SimpleNamespace(name=name, labels=labels))
            for name, labels in spaces
        ]
        self.core = SimpleNamespace(list_namespace=lambda: SimpleNamespace(items=listed))


def test_the_clusters_own_taints_and_namespaces_are_no_leftovers() -> None:
    api: Any = Api(
        cordoned=True,
        taints=("node.example/gpu", "kubedrill.io/drain"),
        spaces=[
            ("default", None),
            ("shop", {}),
            ("kubedrill-x", {"kubedrill.io/drill": "x"}),
            ("kubedrill-app", {}),
        ],
        pods=[("kubedrill-x", "inside"), ("default", "alone")],
    )
    result = [str(item) for item in scan_api(api)]
    assert result == [
        "w1: left behind: cordoned",
        "w1: left behind: taint kubedrill.io/drain=:NoSchedule",
        "cluster: pod still there: default/alone",
        "cluster: namespace still there: kubedrill-x",
    ]
    assert "cluster: namespace still there: kubedrill-app" in map(
        str, scan_api(api, ("kubedrill-app",))
    )


def test_a_namespace_of_the_users_application_is_a_leftover_only_while_no_run_is_under_way() -> (
    None
):
    api: Any = Api(spaces=[("shop", {APPLIED_LABEL: "own-app"}), ("theirs", {})])
    assert scan_api(api) == []
    assert list(map(str, scan_api(api, ("kubedrill-app",)))) == [
        "cluster: namespace still there: shop"
    ]


def test_an_api_that_refuses_is_told_and_never_means_clean() -> None:
    def refuse() -> None:
        raise ApiException(status=403, reason="Forbidden")

    api: Any = SimpleNamespace(nodes=refuse)
    (result,) = scan_api(api)
    assert result.kind == "api"
    assert "403 Forbidden" in str(result)


def inventory(*nodes: Node) -> Any:
    return SimpleNamespace(nodes=nodes, name="test", path="inv")


def test_a_node_that_cannot_be_looked_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(node: Node, _script: str, _seconds: float) -> Any:
        if node.name == "w1":
            raise StepFailed("w1 is unreachable")
        return SimpleNamespace(stdout="--service--\n" + HEALTHY)

    monkeypatch.setattr(power, "armed_watchdogs", lambda _inventory: ["w1"])
    result = scan(inventory(CONTROL, WORKER), cast("Any", SimpleNamespace(read=read)), None)
    assert [str(item) for item in result] == [
        "w1: could not be looked at: w1 is unreachable",
        "w1: power watchdog still armed (on the harness host)",
    ]


def context(monkeypatch: pytest.MonkeyPatch, api: Api, *result: Leftover) -> Any:
    monkeypatch.setattr(power, "armed_watchdogs", lambda _inventory: [])
    lines = "".join(f"--{item.kind}--\n{item.what}\t{item.detail}\n" for item in result)
    hosts = SimpleNamespace(read=lambda *_: SimpleNamespace(stdout=f"{lines}--service--\n"))
    return SimpleNamespace(inventory=inventory(WORKER), hosts=hosts, api=api)


def test_only_what_was_not_there_before_the_drill_is_left_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vim = Leftover("frozen", "w1", "7", "vim")
    before = Baseline.read(context(monkeypatch, Api(taints=("kubedrill.io/a",)), vim))
    table = Leftover("table", "w1", "inet kubedrill_fault")
    after = context(monkeypatch, Api(cordoned=True), vim, table)
    assert find_leftovers(after, before) == [
        "left behind: w1: cordoned",
        "lost: w1: taint kubedrill.io/a=:NoSchedule",
        "w1: firewall table inet kubedrill_fault of a fault is still there",
    ]


def test_a_drill_does_not_begin_on_what_is_kubedrills_but_minds_no_choice_of_the_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vim, table = (
        Leftover("frozen", "w1", "7", "vim"),
        Leftover("table", "w1", "inet kubedrill_fault"),
    )
    ctx = context(monkeypatch, Api(), vim, table)
    assert find_blocking(ctx.inventory, ctx.hosts, ctx.api) == [table]


@pytest.mark.parametrize(
    ("shown", "ours"),
    [
        ("limit 1000 delay 100ms  20ms", True),
        ("rate 2Mbit burst 4Kb lat 400ms", True),
        ("limit 1000 delay 5ms", False),
        ("rate 100Mbit burst 4Kb", False),
    ],
)
def test_a_network_that_a_fault_slowed_down_is_no_choice_of_the_owner(
    monkeypatch: pytest.MonkeyPatch, shown: str, ours: bool
) -> None:
    slow = Leftover("qdisc", "w1", "netem eth0", shown)
    ctx = context(monkeypatch, Api(), slow)
    assert find_blocking(ctx.inventory, ctx.hosts, ctx.api) == ([slow] if ours else [])


def test_a_watching_process_whose_run_is_over_is_found_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    place = tmp_path / "kubedrill"
    idle = [sys.executable, "-c", "input()", "kubedrill.cluster.watchdog"]
    pipe = subprocess.PIPE
    mine = subprocess.Popen([*idle, str(place / "undo-test-w1.json")], stdin=pipe)
    others = subprocess.Popen([*idle, str(place / "undo-another-w1.json")], stdin=pipe)
    try:
        result = leftovers.scan_harness_host(inventory(WORKER))
        assert [str(item) for item in result] == [
            f"the harness host: process {mine.pid} (watchdog) of a run that is over still runs"
        ]
        watchdog.end_watcher(inventory(WORKER), others.pid)
        watchdog.end_watcher(inventory(WORKER), mine.pid)
        assert mine.wait(30) != 0
        assert others.poll() is None
        (place / "undo-test-w1.json").write_text("{}")
        assert [str(item) for item in leftovers.scan_harness_host(inventory(WORKER))] == [
            "w1: power watchdog still armed (on the harness host)"
        ]
    finally:
        for process in (mine, others):
            process.kill()
            process.wait()
