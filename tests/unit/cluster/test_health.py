from typing import Any

import pytest
from fakes import api_node as node
from fakes import api_pod
from kubernetes.client import (
    V1Pod,
)

from kubedrill.cluster.health import (
    STATIC_PODS,
    dns_problems,
    find_problems,
    node_problems,
    static_pod_problems,
    vip_problems,
)
from kubedrill.cluster.hosts import HostUnreachable
from kubedrill.cluster.inventory import Inventory


def pod(name: str, ready: str = "True", on: str = "cp1", phase: str = "Running") -> V1Pod:
    return api_pod(name, on, ready=ready, phase=phase)


@pytest.fixture
def small(make_inventory: Any) -> Inventory:
    made: Inventory = make_inventory(cp=1, workers=1)
    return made


def test_ready_nodes_with_their_usual_taint_are_healthy(small: Inventory) -> None:
    assert (
        node_problems(
            [node("cp1", taints=("node-role.kubernetes.io/control-plane",)), node("w1")], small
        )
        == []
    )


@pytest.mark.parametrize("status", ["Unknown", "False", "NotReady"])
def test_a_node_that_is_anything_but_ready(small: Inventory, status: str) -> None:
    assert node_problems([node("cp1"), node("w1", Ready=status)], small) == [
        f"node w1 is not Ready: Ready={status}",
    ]


def test_a_node_that_is_missing_or_of_another_cluster(small: Inventory) -> None:
    result = node_problems([node("cp1"), node("w7")], small)
    assert result[0] == "node w1 is not registered in the cluster"
    assert result[1].startswith("node w7 is in the cluster but not in ")


def test_a_cordon_is_one_problem_and_not_two(small: Inventory) -> None:
    cordoned = node("w1", taints=("node.kubernetes.io/unschedulable",), cordoned=True)
    result = node_problems([node("cp1"), cordoned], small)
    assert result == ["node w1 is cordoned; run 'kubectl uncordon w1' if that was not meant"]


def test_taints_of_trouble_and_pressure(small: Inventory) -> None:
    bad = node(
        "w1", taints=("node.kubernetes.io/unreachable",), DiskPressure="True", PIDPressure="Unknown"
    )
    assert node_problems([node("cp1"), bad], small) == [
        "node w1: DiskPressure=True, expected False",
        "node w1: PIDPressure=Unknown, expected False",
        "node w1 has the taint node.kubernetes.io/unreachable:NoSchedule",
    ]


def test_static_pods_must_be_there_and_ready(small: Inventory) -> None:
    pods = [pod(f"{part}-cp1") for part in STATIC_PODS]
    assert static_pod_problems(pods, small) == []
    assert static_pod_problems(pods[1:], small) == ["static pod etcd is missing on cp1"]
    pods[0] = pod("etcd-cp1", ready="False")
    assert static_pod_problems(pods, small) == ["static pod etcd on cp1 is not ready: Ready=False"]


def test_a_static_pod_of_another_node_does_not_count(make_inventory: Any) -> None:
    pods = [pod(f"{part}-cp10") for part in STATIC_PODS]
    assert len(static_pod_problems(pods, make_inventory(cp=1, workers=0))) == len(STATIC_PODS)


def test_dns_on_one_node_only_is_a_problem_where_there_could_be_two() -> None:
    both = [pod("a", on="cp1"), pod("b", on="cp1")]
    assert dns_problems(both, 2) == ["all 2 CoreDNS pods are on cp1; expected at least two nodes"]
    assert dns_problems([pod("a", on="cp1"), pod("b", on="w1")], 2) == []
    assert dns_problems(both, 1) == []
    assert dns_problems([pod("a")], 2) == []


def test_the_virtual_address_is_held_by_exactly_one(small: Inventory) -> None:
    assert vip_problems(["cp1"], small) == []
    assert "held by no control plane" in vip_problems([], small)[0]
    assert "held by cp1, cp2; expected exactly one" in vip_problems(["cp1", "cp2"], small)[0]


class DeadHosts:
    """What Hosts does when no node answers."""

    def read(self, node: str, *_: Any) -> str:
        raise HostUnreachable(f"{node} is unreachable")


class DeadApi:
    """What ClusterApi does when no node answers."""

    def __getattr__(self, name: str) -> Any:
        raise HostUnreachable("nobody answers")


def test_a_cluster_that_cannot_be_asked_is_not_healthy(small: Inventory) -> None:
    result = find_problems(DeadApi(), DeadHosts(), small)  # type: ignore[arg-type]
    assert result == ["nobody answers", "cp1 is unreachable", "w1 is unreachable"]
