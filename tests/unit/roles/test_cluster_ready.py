"""cluster_ready says what is not ready, and why."""

from __future__ import annotations

from typing import Any

from fakes import json_node

from ansible_collections.kubedrill.kubeadm.plugins.modules import cluster_ready as ready


def daemon_set(expected: int, good: int, *, observed: int = 2) -> dict[str, Any]:
    status = {
        "observedGeneration": observed,
        "desiredNumberScheduled": expected,
        "numberReady": good,
        "updatedNumberScheduled": expected,
    }
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "flannel", "namespace": "kube-flannel", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": "flannel"}}},
        "status": status,
    }


def pod(reason: str) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": "flannel-x",
            "namespace": "kube-flannel",
            "labels": {"app": "flannel"},
        },
        "spec": {"nodeName": "w1"},
        "status": {
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [
                {"state": {"waiting": {"reason": reason, "message": "no such image"}}}
            ],
        },
    }


def test_ready_nodes_are_no_problem() -> None:
    assert ready.node_problems([json_node("cp1", "True")], ["cp1"]) == []


def test_unknown_is_not_ready() -> None:
    assert ready.node_problems([json_node("cp1", "Unknown")], ["cp1"]) == [
        "node cp1 is not Ready: kubelet stopped posting"
    ]


def test_a_node_that_never_joined_is_named() -> None:
    assert ready.node_problems([json_node("cp1", "True")], ["cp1", "w1"]) == [
        "node w1 has not joined"
    ]


def test_complete_workloads_are_no_problem() -> None:
    assert (
        ready.workload_problems([daemon_set(5, 5)], ["kube-flannel"], ["DaemonSet/flannel"]) == []
    )


def test_ten_of_a_hundred_is_not_ready() -> None:
    assert (
        "has 10 of 100 pods ready"
        in ready.workload_problems([daemon_set(100, 10)], ["kube-flannel"], [])[0]
    )


def test_no_pods_wanted_yet_is_not_ready() -> None:
    assert ready.workload_problems([daemon_set(0, 0)], ["kube-flannel"], []) != []


def test_numbers_from_before_a_change_do_not_count() -> None:
    problem = ready.workload_problems([daemon_set(5, 5, observed=1)], ["kube-flannel"], [])
    assert problem == ["DaemonSet flannel was not looked at by its controller yet"]


def test_the_pod_s_own_reason_is_told() -> None:
    problem = ready.workload_problems(
        [daemon_set(5, 4), pod("ErrImageNeverPull")], ["kube-flannel"], []
    )[0]
    assert problem == (
        "DaemonSet flannel has 4 of 5 pods ready (flannel-x on w1: ErrImageNeverPull no such image)"
    )


def test_a_missing_workload_is_named() -> None:
    assert ready.workload_problems([], ["kube-system"], ["Deployment/coredns"]) == [
        "Deployment/coredns is not there"
    ]


def api_service(status: str) -> dict[str, Any]:
    condition = {
        "type": "Available",
        "status": status,
        "message": "no response from https://10.103.0.9:443",
    }
    return {
        "kind": "APIService",
        "metadata": {"name": "v1.example"},
        "status": {"conditions": [condition]},
    }


def test_an_aggregated_api_that_is_available_is_no_problem() -> None:
    assert ready.api_problems([api_service("True")], ["v1.example"]) == []


def test_an_aggregated_api_that_api_servers_cannot_reach_is_named() -> None:
    output = "API service v1.example is not available: "
    assert ready.api_problems([api_service("False")], ["v1.example"]) == [
        output + "no response from https://10.103.0.9:443"
    ]
    assert ready.api_problems([], ["v1.example"]) == [output + "it is not there"]
