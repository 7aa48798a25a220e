"""Is the cluster healthy? Every problem, as a sentence.

A question without an answer is a problem too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import objects
from kubedrill.base.errors import DeadlineExceeded
from kubedrill.cluster import etcd
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.hosts import HostUnreachable
from kubedrill.cluster.objects import (
    condition_is_true,
    condition_text,
    pod_is_ready,
    rollout_problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

SYSTEM_NAMESPACES = ("kube-system", "kube-flannel", "local-path-storage")
"""Namespaces whose Deployments and DaemonSets must be complete."""

STATIC_PODS = objects.STATIC_PODS
"""Static pods of each control plane, as kubeadm names them."""

REQUIRED = (("DaemonSet", "kube-proxy"), ("Deployment", "coredns"))
"""What kubeadm puts into kube-system: missing is a problem, not an empty list of problems."""

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")

NODE_PROBLEM_TAINT = "node.kubernetes.io/"
"""Prefix of the taints that Kubernetes sets on nodes in trouble and on cordoned ones."""

UNDO_UNITS = "kubedrill-undo*"
"""systemd units of a fault that was not healed: the undo is armed before the fault."""


def find_problems(api: ClusterApi, hosts: Hosts, inventory: Inventory) -> list[str]:
    """Everything that is wrong with the cluster, one sentence each; an empty list means healthy.

    Takes about a second. What cannot be asked is a problem too; nothing is raised for it.
    """
    questions: list[Callable[[], list[str]]] = [
        lambda: api_problems(api),
        lambda: node_problems(api.nodes(), inventory),
        lambda: static_pod_problems(api.pods("kube-system"), inventory),
        lambda: etcd.problems(api.etcd_members()),
        lambda: workload_problems(api),
        lambda: dns_problems(api.pods("kube-system", "k8s-app=kube-dns"), len(inventory.nodes)),
        lambda: vip_problems(api.vip_holders(), inventory),
        *[lambda name=node.name: leftover_problems(hosts, name) for node in inventory.nodes],
    ]
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(_asked, questions))
    return list(dict.fromkeys(problem for answer in answers for problem in answer))


def _asked(question: Callable[[], list[str]]) -> list[str]:
    try:
        return question()
    except (ApiUnavailable, HostUnreachable, DeadlineExceeded) as error:
        return [str(error)]
    except ApiException as error:
        return [f"the API refused a question: {error.status} {error.reason}"]


def api_problems(api: ClusterApi) -> list[str]:
    """The API's own view of itself, through its endpoint."""
    answer = api.get_raw("/readyz").strip()
    return [] if answer == "ok" else [f"the API says {answer[:200]!r} to /readyz, expected 'ok'"]


def node_problems(nodes: list[Any], inventory: Inventory) -> list[str]:
    """Nodes that are missing, unknown, not Ready, cordoned, tainted or under pressure."""
    live = {node.metadata.name: node for node in nodes}
    expected = [node.name for node in inventory.nodes]
    problems = [
        f"node {name} is not registered in the cluster" for name in expected if name not in live
    ]
    problems += [
        f"node {name} is in the cluster but not in {inventory.path}"
        for name in live
        if name not in expected
    ]
    for name, node in live.items():
        if not condition_is_true(node, "Ready"):
            problems.append(f"node {name} is not Ready: {condition_text(node, 'Ready')}")
        problems += [
            f"node {name}: {condition_text(node, pressure)}, expected False"
            for pressure in PRESSURES
            if [c.status for c in node.status.conditions or [] if c.type == pressure] != ["False"]
        ]
        if node.spec.unschedulable:
            problems.append(
                f"node {name} is cordoned; run 'kubectl uncordon {name}' if that was not meant"
            )
        problems += [
            f"node {name} has the taint {taint.key}:{taint.effect}"
            for taint in node.spec.taints or []
            if taint.key.startswith(NODE_PROBLEM_TAINT)
            and not (node.spec.unschedulable and "unschedulable" in taint.key)
        ]
    return problems


def static_pod_problems(pods: list[Any], inventory: Inventory) -> list[str]:
    """Static pods of the control planes that are missing or not ready."""
    by_name = {pod.metadata.name: pod for pod in pods}
    problems = []
    for node in inventory.control_planes:
        for part in STATIC_PODS:
            pod = by_name.get(f"{part}-{node.name}")
            if pod is None:
                problems.append(f"static pod {part} is missing on {node.name}")
            elif not pod_is_ready(pod):
                problems.append(
                    f"static pod {part} on {node.name} is not ready: {condition_text(pod, 'Ready')}"
                )
    return problems


def workload_problems(api: ClusterApi) -> list[str]:
    """Workloads of the system namespaces that are incomplete or missing."""
    listed = [("Deployment", item) for item in api.apps.list_deployment_for_all_namespaces().items]
    listed += [("DaemonSet", item) for item in api.apps.list_daemon_set_for_all_namespaces().items]
    mine = [(kind, item) for kind, item in listed if item.metadata.namespace in SYSTEM_NAMESPACES]
    names = {
        (kind, item.metadata.name)
        for kind, item in mine
        if item.metadata.namespace == "kube-system"
    }
    problems = [
        f"{kind} kube-system/{name} is missing"
        for kind, name in REQUIRED
        if (kind, name) not in names
    ]
    for kind, item in mine:
        problem = rollout_problem(kind, item)
        if problem:
            problems.append(
                f"{kind} {item.metadata.namespace}/{item.metadata.name} is incomplete: {problem}"
            )
    return problems


def dns_problems(pods: list[Any], nodes: int) -> list[str]:
    """CoreDNS with two or more replicas on one node only.

    That node's loss would take all DNS with it.
    """
    ready = [pod for pod in pods if pod_is_ready(pod)]
    on = {pod.spec.node_name for pod in ready}
    if len(ready) >= 2 and nodes >= 2 and len(on) < 2:
        return [
            f"all {len(ready)} CoreDNS pods are on {', '.join(on)}; expected at least two nodes"
        ]
    return []


def vip_problems(holders: list[str], inventory: Inventory) -> list[str]:
    """The virtual address on no control plane, or on several.

    Where there is none, the API's own answer says enough.
    """
    if len(holders) == 1 or inventory.external:
        return []
    actual = ", ".join(holders) or "no control plane"
    return [
        f"virtual address {inventory.endpoint_address} is held by {actual}; expected exactly one"
    ]


def leftover_problems(hosts: Hosts, node: str) -> list[str]:
    """Units of a fault that still waits for its undo."""
    argv = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", UNDO_UNITS]
    units = [
        line.split()[0] for line in hosts.read(node, argv, 10).stdout.splitlines() if line.strip()
    ]
    return [
        f"{node} still has {unit}, left by a fault; run 'systemctl start {unit}' there"
        for unit in units
    ]
