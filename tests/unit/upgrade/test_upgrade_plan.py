"""The plan and its refusals are functions of the live state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import objects
from kubedrill.base.project import ROOT

if TYPE_CHECKING:
    from types import ModuleType

EXPECTED = {"control_planes": ["cp1", "cp2", "cp3"], "workers": ["w1", "w2"]}


def cluster_state(**kubelets: str) -> dict[str, Any]:
    names = [*EXPECTED["control_planes"], *EXPECTED["workers"]]
    nodes = {
        name: {"kubelet": kubelets.get(name, "1.35.4"), "ready": True, "upgrading_to": ""}
        for name in names
    }
    return {
        "nodes": nodes,
        "api_servers": {name: kubelets.get(name, "1.35.4") for name in EXPECTED["control_planes"]},
    }


def node_state(version: str = "") -> dict[str, Any]:
    manifests = {"kube-apiserver": version, "etcd": "3.6.6-0"} if version else {}
    behind = [name for name, result in manifests.items() if name != "etcd" and result != "1.36.3"]
    return {"manifests": manifests, "manifests_behind": behind, "outdated_units": []}


def test_a_limit_that_would_make_a_kubelet_newer_than_an_api_server(plan: ModuleType) -> None:
    (output,) = plan.refusals(cluster_state(), "1.36.3", {**EXPECTED, "in_play": ["w1"]})
    assert output.startswith(
        "--limit leaves out cp1, cp2, cp3, whose API server does not run 1.36.3"
    )
    assert "the kubelet of w1 must not be newer" in output
    done = cluster_state(cp1="1.36.3", cp2="1.36.3", cp3="1.36.3")
    assert plan.refusals(done, "1.36.3", {**EXPECTED, "in_play": ["w1"]}) == []
    assert plan.refusals(cluster_state(), "1.36.3", {**EXPECTED, "in_play": ["cp1"]}) == []


def test_plan(plan: ModuleType) -> None:
    cluster = cluster_state(cp1="1.36.3")
    states = {"cp1": node_state("1.36.3"), "cp2": node_state("1.35.4"), "w1": node_state()}
    assert plan.plan_lines(cluster, states, "1.36.3") == [
        "cp1: at 1.36.3, nothing to do",
        "cp2: control plane 1.35.4 -> 1.36.3, kubelet 1.35.4 -> 1.36.3",
        "w1: kubelet 1.35.4 -> 1.36.3",
    ]


def test_a_node_that_a_killed_run_left_is_not_done(plan: ModuleType) -> None:
    done = {"kubelet": "1.36.3", "upgrading_to": ""}
    assert plan.is_done(done, node_state("1.36.3"), "1.36.3")
    assert not plan.is_done({**done, "upgrading_to": "1.36.3"}, node_state("1.36.3"), "1.36.3")
    assert not plan.is_done(done, {**node_state("1.36.3"), "outdated_units": ["kubelet"]}, "1.36.3")
    assert not plan.is_done(done, node_state("1.35.4"), "1.36.3")
    assert not plan.is_done({**done, "kubelet": "1.35.4"}, node_state("1.36.3"), "1.36.3")


def test_control_planes_that_are_done_and_the_peers_of_one(plan: ModuleType) -> None:
    cluster = cluster_state(cp1="1.36.3", cp2="1.36.3", w1="1.36.3")
    for number, (name, node) in enumerate(cluster["nodes"].items(), 11):
        node |= {"control_plane": name.startswith("cp"), "address": f"10.0.0.{number}"}
    cluster["nodes"]["cp2"]["upgrading_to"] = "1.36.3"
    assert plan.upgraded_api_servers(cluster, "1.36.3") == ["cp1", "cp2"]
    assert plan.finished_control_planes(cluster, "1.36.3") == ["cp1"], "cp2 was interrupted"
    cluster["nodes"]["cp1"]["kubelet"] = "1.35.4"
    assert plan.finished_control_planes(cluster, "1.36.3") == []
    assert plan.peer_addresses(cluster, "cp2") == ["10.0.0.11", "10.0.0.13"]


@pytest.mark.parametrize(
    ("kubelets", "target", "expected"),
    [
        ({}, "1.37.0", "1.35.4 runs, going to 1.37.0 skips a minor version: upgrade to 1.36 first"),
        (
            {"w2": "1.34.1"},
            "1.36.3",
            "1.34.1 runs, going to 1.36.3 skips a minor version: upgrade to 1.35 first",
        ),
        ({"cp1": "1.36.3"}, "1.35.4", "1.36.3 runs, going to 1.35.4 is a downgrade"),
    ],
)
def test_skips_and_downgrades(
    plan: ModuleType, kubelets: dict[str, str], target: str, expected: str
) -> None:
    assert any(
        expected in result for result in plan.refusals(cluster_state(**kubelets), target, EXPECTED)
    )


def test_a_broken_node_is_refused_unless_an_upgrade_was_killed_there(plan: ModuleType) -> None:
    cluster = cluster_state()
    assert plan.refusals(cluster, "1.36.3", EXPECTED) == []
    cluster["nodes"]["cp2"]["ready"] = False
    assert plan.refusals(cluster, "1.36.3", EXPECTED) == [
        "the cluster is already broken: node cp2 is not Ready: repair it first"
    ]
    cluster["nodes"]["cp2"]["upgrading_to"] = "1.36.3"
    assert plan.refusals(cluster, "1.36.3", EXPECTED) == []
    assert "-e upgrade_to=1.36.3" in plan.refusals(cluster, "1.36.4", EXPECTED)[0]


def test_cluster_and_inventory_must_be_the_same_nodes(plan: ModuleType) -> None:
    cluster = cluster_state()
    cluster["nodes"]["x9"] = cluster["nodes"].pop("w2")
    output = " ".join(plan.refusals(cluster, "1.36.3", EXPECTED))
    assert "node w2 of the inventory is not in the cluster" in output
    assert "node x9 of the cluster is not in the inventory" in output


def pod(name: str = "web-1", **metadata: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    meta = {"name": name, "namespace": "default", "labels": labels, **metadata}
    return {"metadata": meta, "spec": {"nodeName": "w1"}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "x"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_label_selectors(selector: dict[str, Any], expected: bool) -> None:
    assert objects.selects(selector, {"app": "web"}) is expected


def test_evictable_pods(state: ModuleType) -> None:
    assert state.is_evictable(pod())
    owner = {"kind": "DaemonSet", "controller": True}
    assert not state.is_evictable(pod(ownerReferences=[owner]))
    assert not state.is_evictable({**pod(), "status": {"phase": "Failed"}})


def test_what_blocks_a_drain_is_named_before_the_first_node(plan: ModuleType) -> None:
    expected = {**EXPECTED, "blockers": {"w1": ["pod a/b: x"], "w2": ["pod c/d: y", "pod e/f: z"]}}
    reasons = ["pod a/b: x", "pod c/d: y", "pod e/f: z"]
    assert plan.refusals(cluster_state(), "1.36.3", expected) == reasons
    tasks = yaml.safe_load((ROOT / "roles/upgrade/tasks/plan.yml").read_text(encoding="utf-8"))
    names = [task["name"] for task in tasks]
    check = tasks[names.index("Check what would block the drain")]
    assert check["check_mode"] is True
    assert names.index(check["name"]) < names.index("Refuse an upgrade that must not begin")
