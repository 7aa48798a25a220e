"""Drills in which one node loses its power: a table of :class:`FaultDrill`."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from kubedrill.config.limits import Limits
from kubedrill.core.choices import address_holder, address_holders, app_workers, etcd_leader
from kubedrill.core.drill import Family
from kubedrill.core.etcd_leadership import move_leader_off
from kubedrill.core.expectations import HOLDERS, PLANES, WORKERS, lost
from kubedrill.core.fault_drill import FaultDrill, until_not_ready
from kubedrill.core.limits import NODE_LOSS_S, PATIENT_S, PLANE_LOSS_S
from kubedrill.faults import PowerCut

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext

UNREACHABLE = "node.kubernetes.io/unreachable"
"""The taint of a node that does not answer."""

REPLACED_S = 60.0
"""Seconds that pods may stay on a node once it is known to be dead, which takes about as long (50 s
by default)."""


def check_replaced(ctx: DrillContext) -> None:
    """Check that the target's pods of the app would not stay for long on a dead node."""
    app, settings = ctx.app, ctx.cluster.settings.app
    pods = ctx.cluster.api.pods(app.namespace, app.selector, ctx.target)
    stay = max(map(toleration_s, pods), default=0.0)
    most = settings.objectives.replaced_s if settings else REPLACED_S
    ctx.check(
        "replicas-replaced",
        "lost replicas are replaced in time",
        stay <= most,
        f"pods stay on a dead node for {stay:g} s",
        f"{most:g} s at most",
    )


def toleration_s(pod: Any) -> float:
    """Seconds that a pod stays on a node that does not answer: its toleration of that taint.

    Endless without a number. Kubernetes gives pods that say nothing 300 s (kube-apiserver,
    --default-unreachable-toleration-seconds).
    """
    tolerated_s = [
        inf if toleration.toleration_seconds is None else float(toleration.toleration_seconds)
        for toleration in pod.spec.tolerations or []
        if toleration.key in (None, UNREACHABLE) and toleration.effect in (None, "NoExecute")
    ]
    return min(tolerated_s, default=0.0)


def choose_holder(ctx: DrillContext) -> str:
    """The holder of the virtual address; etcd's leadership is taken off it."""
    holder = ctx.cluster.api.vip_holder()
    move_leader_off(ctx, holder)
    return holder


def choose_leader(ctx: DrillContext) -> str:
    """The node that leads etcd; where it holds the virtual address too, another one then leads."""
    return move_leader_off(ctx, next(iter(address_holders(ctx)), ""))


DRILLS = (
    FaultDrill(
        name="failover-worker",
        title="Power cut to a worker that runs the app",
        proves=(
            "the app survives the loss of a worker: other replicas serve, the dead ones leave "
            "the Service in time"
        ),
        needs=f"{WORKERS}, power control",
        duration_s=130,
        family=Family.FAILOVER,
        standard=True,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because=(
            "50 s grace + 5 s period until Kubernetes takes a dead node's pods out of "
            "Services, and a margin"
        ),
        among=app_workers,
        fault=PowerCut,
        expect=lost,
        before=check_replaced,
        until=until_not_ready,
        steps=(
            (
                "Choose a worker that runs pods of the app, by the seed; the in-cluster prober "
                "stands on another node."
            ),
            (
                "Check that its pods would not stay there for long (their tolerations). Cut its "
                "power from outside."
            ),
            (
                "Wait until Kubernetes marks it NotReady, takes its pods out of the Services, and "
                "every probe is answered."
            ),
            "Give the power back and wait until it is Ready.",
        ),
    ),
    FaultDrill(
        name="failover-vip",
        title="Power cut to the holder of the virtual address",
        proves=(
            "the API stays reachable at the same address when the control plane that holds it dies"
        ),
        needs=f"{HOLDERS}, power control",
        duration_s=120,
        family=Family.FAILOVER,
        order=1,
        standard=True,
        game_day=False,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=2.0, dns_outage_s=PLANE_LOSS_S),
        limits_because=(
            "VRRP must move the virtual address within 2 s; a reused connection notices 1 s later"
        ),
        among=address_holder,
        choose=choose_holder,
        fault=PowerCut,
        expect=lost,
        until=until_not_ready,
        after=lambda ctx: ctx.event(
            "vip", ctx.cluster.api.vip_holder(), "holds the virtual address after the drill"
        ),
        steps=(
            (
                "Find the holder, in the kernels of the control planes. If it also leads etcd, "
                "hand that over to another member, chosen by the seed, so that this drill shows "
                "the address and not the election."
            ),
            "Cut its power from outside.",
            (
                "Wait until another control plane holds the address, Kubernetes marks the node "
                "NotReady and every probe is answered."
            ),
            "Give the power back and wait until it is Ready.",
        ),
    ),
    FaultDrill(
        name="failover-etcd-leader",
        title="Power cut to the etcd leader",
        proves=(
            "etcd elects a new leader and the API takes writes again when the leader's node dies"
        ),
        needs=f"{PLANES}, power control",
        duration_s=120,
        family=Family.FAILOVER,
        order=2,
        standard=True,
        game_day=False,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6.0, dns_outage_s=PLANE_LOSS_S),
        limits_because=(
            "a new leader takes 1-2 s, then API servers reconnect and the balancer follows"
        ),
        among=etcd_leader,
        choose=choose_leader,
        fault=PowerCut,
        expect=lost,
        until=until_not_ready,
        steps=(
            (
                "Find the leader. If it also holds the virtual address, move the leadership to "
                "another member, chosen by the seed, so that this drill shows the election and not "
                "the address."
            ),
            "Cut its power from outside.",
            (
                "Wait until a new leader is elected, Kubernetes marks the node NotReady and every "
                "probe is answered."
            ),
            "Give the power back and wait until it is Ready and its member has caught up.",
        ),
    ),
)
