"""What the checks of the order service share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedrill.cluster.objects import pod_is_ready
from kubedrill.orders.manifests import NAMESPACE

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi


def ready_pods(api: ClusterApi, name: str) -> list[Any]:
    """The ready pods of one part."""
    return [
        pod for pod in api.pods(NAMESPACE, f"app.kubernetes.io/name={name}") if pod_is_ready(pod)
    ]
