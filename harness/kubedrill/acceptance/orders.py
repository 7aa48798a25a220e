"""What the checks of the order service share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedrill.cluster.objects import pod_is_ready
from kubedrill.orders.manifests import NAMESPACE

if TYPE_CHECKING:
    import grpc

    from kubedrill.cluster.api import ClusterApi


ANSWER_S = 12


def ready_pods(api: ClusterApi, name: str) -> list[Any]:
    """The ready pods of one part."""
    pods = api.pods(NAMESPACE, f"app.kubernetes.io/name={name}")
    return [pod for pod in pods if pod_is_ready(pod)]


def serves(channel: grpc.Channel) -> bool:
    """Whether the gRPC health service says SERVING."""
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    return bool(check(b"", timeout=ANSWER_S) == b"\x08\x01")
