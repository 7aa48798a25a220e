"""Pods on more than one node again.

After a drain all of them may be on one, and Kubernetes moves no running pod.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi


def is_spread(api: ClusterApi, pods: list[Any]) -> bool:
    """Whether pods are on more than one node, where there are several pods and nodes."""
    repelling = ("NoSchedule", "NoExecute")
    takers = [
        node
        for node in api.nodes()
        if not node.spec.unschedulable
        and not any(taint.effect in repelling for taint in node.spec.taints or [])
        and api.ready(node)
    ]
    staying = [pod.spec.node_name for pod in pods if pod.metadata.deletion_timestamp is None]
    return len(set(staying)) > 1 or len(takers) < 2 or len(staying) == 1


def restart(api: ClusterApi, kind: str, namespace: str, name: str, annotation: str) -> None:
    """Start new pods in turn, as `kubectl rollout restart` does: the scheduler places them anew."""
    patch = {
        "Deployment": api.apps.patch_namespaced_deployment,
        "StatefulSet": api.apps.patch_namespaced_stateful_set,
    }[kind]
    stamp = {annotation: datetime.now(UTC).isoformat(timespec="milliseconds")}
    patch(name, namespace, {"spec": {"template": {"metadata": {"annotations": stamp}}}})
