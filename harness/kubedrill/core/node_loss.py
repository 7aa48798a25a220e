"""What drills that lose a node share: cut the power, watch, give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.cluster.leases import read_leader
from kubedrill.core.limits import expected_limits
from kubedrill.core.predictions import Loss, loss_expected
from kubedrill.faults import PowerCut

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.core.context import DrillContext
    from kubedrill.core.drill import Drill

CALM_S = 3.0
"""Seconds without a failed request until an outage counts as over."""


def describe_loss(ctx: DrillContext, node: str) -> Loss:
    """What stands on a node now."""
    cluster = ctx.cluster
    return Loss(
        node,
        app_pods=len(cluster.api.pods(ctx.app.namespace, ctx.app.selector, node)),
        dns_pods=len(cluster.api.pods("kube-system", "k8s-app=kube-dns", node)),
        holds_vip=node in cluster.api.vip_holders(),
        leads_etcd=node == cluster.api.etcd_leader(),
        control_plane=cluster.inventory.node(node).is_control_plane,
        leads_controllers=read_leader(cluster.api, "kube-controller-manager").node == node,
        passes_node_ports=cluster.inventory.external,
    )


def loss_limits(ctx: DrillContext, drill: Drill, node: str) -> list[OutageLimit]:
    """Budgets of losing a node, by what stands on it."""
    expected = loss_expected(ctx.timers, describe_loss(ctx, node))
    return expected_limits(ctx.limits(drill), expected)


def explain_missing_power(ctx: DrillContext, candidates: list[str]) -> str | None:
    """Why the power of none of the candidates could be cut; None when it can be."""
    reasons = [PowerCut(node).available(ctx.cluster) for node in candidates]
    return (
        next((reason for reason in reasons if reason), None)
        if candidates
        else "no node to cut the power of"
    )


def cut_and_watch(ctx: DrillContext, node: str) -> None:
    """Power off, wait until users are served without the node, power on, wait for Ready."""
    timeouts = ctx.cluster.settings.timeouts
    with ctx.fault(PowerCut(node)):
        wait_not_ready(ctx, node, "power off: until Kubernetes marks it NotReady")
        with ctx.step(node, "power off: until every probe is answered without it"):
            ctx.wait_answering(
                "*", for_s=CALM_S, seconds=timeouts.node_not_ready, setting="node_not_ready"
            )
    wait_ready(ctx, node, "boot: until Ready")


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


def explain_plane_needed(ctx: DrillContext) -> str | None:
    """Why no control plane may be lost; None when one may."""
    names = [node.name for node in ctx.cluster.inventory.control_planes]
    if len(names) < 3:
        return (
            "needs 3 control planes or more so that etcd keeps its majority, the inventory has "
            f"{len(names)}"
        )
    return explain_missing_power(ctx, names)
