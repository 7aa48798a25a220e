"""The gates between nodes read conditions exactly.

Unknown is not True, NotReady is not Ready, 10 is not 0.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from fakes import json_node

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import kubelet_flags
from kubedrill.readiness.trials import RETIRED

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def node(ready: str | None = "True", kubelet: str = "v1.36.3") -> dict[str, Any]:
    return json_node("cp1", ready, kubelet)


@pytest.mark.parametrize("ready", ["False", "Unknown", None])
def test_only_true_is_ready(cluster: ModuleType, ready: str | None) -> None:
    assert cluster.node_problems(node(), "1.36.3") == []
    assert cluster.node_problems(node(ready)) == [
        f"node cp1 has condition Ready={ready or 'missing'}, expected True"
    ]


def test_the_kubelet_version_is_compared_whole(cluster: ModuleType) -> None:
    assert cluster.node_problems(node(kubelet="v1.36.30"), "1.36.3") == [
        "node cp1 reports kubelet 1.36.30, expected 1.36.3"
    ]


def static_pod(name: str, version: str = "1.36.3", ready: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"name": f"{name}-cp1"},
        "spec": {"containers": [{"image": f"registry.k8s.io/{name}:v{version}"}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def test_static_pods(cluster: ModuleType) -> None:
    names = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    good = [static_pod(name, "3.6.8-0" if name == "etcd" else "1.36.3") for name in names]
    assert cluster.static_pod_problems(good, "cp1", "1.36.3") == []
    assert cluster.static_pod_problems(good[1:], "cp1", "1.36.3") == [
        "static pod etcd-cp1 is not there"
    ]
    old = [*good[:1], static_pod("kube-apiserver", "1.35.4"), *good[2:]]
    assert "expected version 1.36.3" in cluster.static_pod_problems(old, "cp1", "1.36.3")[0]
    down = [*good[:3], static_pod("kube-scheduler", ready="Unknown")]
    assert cluster.static_pod_problems(down, "cp1", "1.36.3") == [
        "static pod kube-scheduler-cp1 is not ready"
    ]


def test_etcd(cluster: ModuleType) -> None:
    members = [{"ID": 1, "name": "cp1"}, {"ID": 2, "name": "cp2"}, {"ID": 3, "name": "cp3"}]
    health = [{"endpoint": "https://10.0.0.1:2379", "health": True}]
    assert cluster.etcd_problems(members, health, [], 3) == []
    assert cluster.etcd_problems(members[:2], health, [], 3) == ["etcd has 2 members, expected 3"]
    assert (
        "learner"
        in cluster.etcd_problems([*members[:2], {**members[2], "isLearner": True}], health, [], 3)[
            0
        ]
    )
    assert (
        "not healthy" in cluster.etcd_problems(members, [{**health[0], "health": False}], [], 3)[0]
    )
    assert "alarm 1" in cluster.etcd_problems(members, health, [{"memberID": 1, "alarm": 1}], 3)[0]


def test_daemon_set_pods(cluster: ModuleType) -> None:
    pod = {
        "metadata": {
            "name": "proxy",
            "namespace": "kube-system",
            "ownerReferences": [{"kind": "DaemonSet"}],
        },
        "spec": {"nodeName": "w1"},
        "status": {"conditions": [{"type": "Ready", "status": "False"}]},
    }
    assert cluster.pod_problems([pod], "w1") == ["DaemonSet pod kube-system/proxy is not ready"]
    assert cluster.pod_problems([pod], "w2") == []
    pod["status"]["conditions"][0]["status"] = "True"
    assert cluster.pod_problems([pod], "w1") == []
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert cluster.pod_problems([pod], "w1") == [
        "DaemonSet pod kube-system/proxy is being replaced"
    ]


def workload(available: int | None, generation: int = 1) -> dict[str, Any]:
    status = {"observedGeneration": 1} | (
        {} if available is None else {"availableReplicas": available}
    )
    metadata = {"name": "web", "namespace": "default", "generation": generation}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 10}, "status": status}


def test_workloads(cluster: ModuleType) -> None:
    assert cluster.unavailable_workloads([workload(10)]) == []
    (result,) = cluster.unavailable_workloads([workload(None)])
    assert result == "Deployment default/web: 0 of 10 replicas available"
    assert cluster.workload_name(result) == "Deployment default/web"
    assert cluster.unavailable_workloads([workload(10, generation=2)])


def test_leases(cluster: ModuleType) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def lease(name: str, age: float) -> dict[str, Any]:
        return {
            "metadata": {"name": name},
            "spec": {"renewTime": (now - timedelta(seconds=age)).isoformat()},
        }

    fresh = lease("kube-scheduler", 1)
    assert cluster.lease_problems([fresh, lease("kube-controller-manager", 2)], now) == []
    old = cluster.lease_problems([fresh, lease("kube-controller-manager", 30)], now)
    assert old == ["kube-controller-manager has no leader since 30 s"]
    assert cluster.lease_problems([fresh], now) == ["kube-controller-manager has no leader"]


@pytest.mark.parametrize(
    ("healthy", "members", "allowed"),
    [(2, 3, True), (1, 3, False), (0, 3, False), (3, 5, True), (2, 5, False), (0, 1, True)],
)
def test_a_member_stops_only_when_the_others_keep_a_majority(
    swap: ModuleType, healthy: int, members: int, allowed: bool
) -> None:
    assert (swap.quorum_problem(healthy, members) == "") is allowed


def test_leadership_goes_to_an_upgraded_member_and_never_to_a_learner(leader: ModuleType) -> None:
    members = [{"ID": 1, "name": "cp1"}, {"ID": 2, "name": "cp2"}, {"ID": 3, "name": "cp3"}]
    assert leader.successor(members, 1, []) == 2
    assert leader.successor(members, 1, ["cp3"]) == 3
    assert leader.successor([members[0], {**members[1], "isLearner": True}], 1, []) is None


def test_haproxy_rows(haproxy: ModuleType) -> None:
    header = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state\n"
    text = header + "3 api 1 cp1 10.0.0.1 2 8\n3 api 2 cp10 x 0 0\n"
    assert haproxy.servers(text, ["cp1"]) == [
        {"backend": "api", "server": "cp1", "operation": 2, "admin": 8}
    ]
    assert [row["server"] for row in haproxy.servers(text, ["cp1", "cp10"])] == ["cp1", "cp10"]
    assert haproxy.servers(text, ["cp3"]) == []


def test_the_last_usable_server_of_a_backend_is_seen_as_such(haproxy: ModuleType) -> None:
    header = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state\n"
    up, drained, down = "3 api 1 cp1 x 2 0\n", "3 api 2 cp2 x 2 8\n", "3 api 3 cp3 x 0 0\n"
    assert haproxy.others(header + up + drained + down, "api", ["cp2"]) == ["cp1"]
    assert haproxy.others(header + up + drained + down, "api", ["cp1"]) == []
    assert haproxy.others(header + up + drained + down, "other", ["cp2"]) == []


def test_all_static_pods_are_swapped_when_the_kubelet_differs(
    swap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged, live = tmp_path / "new", tmp_path / "manifests"
    for folder in (staged, live):
        folder.mkdir()
        for name in swap.STATIC_PODS:
            (folder / f"{name}.yaml").write_text("same")
    monkeypatch.setattr(swap, "MANIFESTS", live)
    (staged / "kubelet").write_text("new")
    (tmp_path / "kubelet").write_text("new")
    assert swap.differing(staged, tmp_path / "kubelet") == []
    (live / "etcd.yaml").write_text("old")
    assert swap.differing(staged, tmp_path / "kubelet") == ["etcd"]
    (tmp_path / "kubelet").write_text("old")
    assert swap.differing(staged, tmp_path / "kubelet") == list(swap.STATIC_PODS)


def test_the_old_files_are_kept_and_not_overwritten_by_new_ones(
    swap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged, live, previous = tmp_path / "new", tmp_path / "manifests", tmp_path / "previous"
    for folder, text in ((staged, "new"), (live, "old")):
        folder.mkdir()
        (folder / "etcd.yaml").write_text(text)
    monkeypatch.setattr(swap, "MANIFESTS", live)
    swap.keep(previous, ["etcd"], tmp_path / "kubelet", staged)
    swap.place(staged, ["etcd"])
    assert ((live / "etcd.yaml").read_text(), (live / "etcd.yaml").stat().st_mode & 0o777) == (
        "new",
        0o600,
    )
    swap.keep(previous, ["etcd"], tmp_path / "kubelet", staged)  # a second run, after a kill
    assert (previous / "etcd.yaml").read_text() == "old"


FLAGS = 'KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.1 --pod-infra-container-image=pause:3.10 --v=2"\n'


@pytest.mark.parametrize(
    ("refuses", "left"),
    [(True, FLAGS.replace(" --pod-infra-container-image=pause:3.10", "")), (False, None)],
)
def test_a_flag_that_the_new_kubelet_refuses_is_taken_out_before_it_starts(
    swap: ModuleType, tmp_path: Path, refuses: bool, left: str | None
) -> None:
    staged, flags = tmp_path / "new", tmp_path / "kubeadm-flags.env"
    staged.mkdir()
    flags.write_text(FLAGS)
    (staged / "kubeadm-flags.env").write_text("of an earlier upgrade")
    (staged / "kubelet").write_text(f"#!/bin/sh\nexit {int(refuses)}\n")
    (staged / "kubelet").chmod(0o755)
    swap.stage_flags(staged, flags)
    result = staged / "kubeadm-flags.env"
    assert (result.read_text() if result.exists() else None) == left
    assert flags.read_text() == FLAGS


def test_the_flags_of_an_earlier_upgrade_are_never_given_back(
    swap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged, previous, flags = (
        tmp_path / "new",
        tmp_path / "previous",
        tmp_path / "kubeadm-flags.env",
    )
    staged.mkdir()
    flags.write_text(FLAGS)
    monkeypatch.setattr(swap, "FLAGS", flags)
    (staged / "kubeadm-flags.env").write_text("fewer")
    swap.keep(previous, [], tmp_path / "kubelet", staged)
    assert (previous / "kubeadm-flags.env").read_text() == FLAGS
    (staged / "kubeadm-flags.env").unlink()
    swap.keep(previous, [], tmp_path / "kubelet", staged)
    assert not (previous / "kubeadm-flags.env").exists()


def test_readiness_knows_the_same_flags() -> None:
    assert {f"--{flag}" for flag in kubelet_flags.RETIRED} == RETIRED
