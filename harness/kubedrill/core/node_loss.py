"""What the three failover drills share: cut the power, watch, give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.predictions import Loss, node_loss
from kubedrill.faults import PowerCut

if TYPE_CHECKING:
    from kubedrill.base.model import Budget
    from kubedrill.core.drill import DrillContext, Survey
    from kubedrill.faults import FaultContext

CALM_S = 3.0
"""Seconds without a failed request until an outage counts as over."""


def describe_loss(survey: Survey, node: str) -> Loss:
    """What stands on a node now."""
    ctx = survey.faults
    return Loss(
        node,
        app_pods=len(ctx.api.pods(survey.app.namespace, survey.app.selector, node)),
        dns_pods=len(ctx.api.pods("kube-system", "k8s-app=kube-dns", node)),
        holds_vip=node in ctx.api.vip_holders(),
        leads_etcd=node == ctx.api.etcd_leader(),
        control_plane=ctx.inventory.node(node).is_control_plane,
        leads_controllers=_leads_controllers(ctx, node),
        passes_node_ports=ctx.inventory.external,
    )


def _leads_controllers(ctx: FaultContext, node: str) -> bool:
    """Whether the controller manager that is active now stands on a node.

    Its lease names it "<node>_<uuid>".
    """
    lease = ctx.api.coordination.read_namespaced_lease("kube-controller-manager", "kube-system")
    return str(lease.spec.holder_identity or "").rpartition("_")[0] == node


def loss_budgets(survey: Survey, drill: str, node: str) -> list[Budget]:
    """Budgets of losing a node, by what stands on it."""
    return node_loss(survey.timers, survey.limits_of(drill), describe_loss(survey, node))


def power_unavailable(survey: Survey, candidates: list[str]) -> str | None:
    """Why the power of none of the candidates could be cut; None when it can be."""
    reasons = [PowerCut(node).available(survey.faults) for node in candidates]
    return (
        next((reason for reason in reasons if reason), None)
        if candidates
        else "no node to cut the power of"
    )


def cut_and_watch(ctx: DrillContext, node: str) -> None:
    """Power off, wait until Kubernetes has noticed and users are served without the node, power on, wait for Ready."""
    api, timeouts = ctx.faults.api, ctx.faults.settings.timeouts
    with ctx.fault(PowerCut(node)):
        with ctx.step(node, "power off: until Kubernetes marks it NotReady"):
            api.wait(
                f"node {node} to be marked NotReady",
                lambda: "Ready" if api.ready(node) else None,
                setting="node_not_ready",
            )
        with ctx.step(node, "power off: until every probe is answered without it"):
            ctx.wait_answering(
                "*", for_s=CALM_S, seconds=timeouts.node_not_ready, setting="node_not_ready"
            )
    with ctx.step(node, "boot: until Ready"):
        api.wait(
            f"node {node} to be Ready",
            lambda: None if api.ready(node) else "NotReady",
            setting="node_ready",
        )
