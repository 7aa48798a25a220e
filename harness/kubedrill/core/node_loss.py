"""What drills that lose a node share: what stands on it, and whether Kubernetes has noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.cluster.leases import read_leader
from kubedrill.core.predictions import Loss

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext

CALM_S = 3.0
"""Seconds without a failed request until an outage counts as over."""


DNS_PODS = ("kube-system", "k8s-app=kube-dns")
"""Namespace and label selector of CoreDNS, as kubeadm installs it."""


def describe_loss(ctx: DrillContext, node: str) -> Loss:
    """What stands on a node now."""
    cluster = ctx.cluster
    return Loss(
        node,
        app_pods=len(cluster.api.pods(ctx.app.namespace, ctx.app.selector, node)),
        dns_pods=len(cluster.api.pods(*DNS_PODS, node)),
        holds_vip=node in cluster.api.vip_holders(),
        leads_etcd=node == cluster.api.etcd_leader(),
        control_plane=cluster.inventory.node(node).is_control_plane,
        leads_controllers=read_leader(cluster.api, "kube-controller-manager").node == node,
        passes_node_ports=cluster.inventory.external,
        all_app_pods=len(cluster.api.pods(ctx.app.namespace, ctx.app.selector)),
        all_dns_pods=len(cluster.api.pods(*DNS_PODS)),
    )


def wait_not_ready(ctx: DrillContext, node: str, step: str) -> None:
    """Wait until Kubernetes marks a node NotReady."""
    api = ctx.cluster.api
    with ctx.step(node, step):
        api.wait(
            f"node {node} to be marked NotReady",
            lambda: "Ready" if api.ready(node) else None,
            setting="node_not_ready",
        )


def wait_ready(ctx: DrillContext, node: str, step: str) -> None:
    """Wait until a node is Ready again."""
    api = ctx.cluster.api
    with ctx.step(node, step):
        api.wait(
            f"node {node} to be Ready",
            lambda: None if api.ready(node) else "NotReady",
            setting="node_ready",
        )
