"""Power cut to the control plane that holds the virtual address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.drill import Drill, Family
from kubedrill.core.etcd_leadership import move_leader_off
from kubedrill.core.limits import PATIENT_S, PLANE_LOSS_S
from kubedrill.core.node_loss import (
    cut_and_watch,
    explain_plane_needed,
    loss_limits,
)

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.core.context import DrillContext


class FailoverVip(Drill):
    """Lose the holder of the virtual address."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a virtual address, three control planes and power control from outside."""
        inventory = ctx.cluster.inventory
        if inventory.external:
            return (
                "needs a virtual address; the API is reached through the balancer "
                f"{inventory.endpoint_address}"
            )
        return explain_plane_needed(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Find the holder, and take etcd's leadership off it."""
        holder = ctx.cluster.api.vip_holder()
        move_leader_off(ctx, holder)
        return (holder,)

    def outage_limits(self, ctx: DrillContext) -> list[OutageLimit]:
        """VRRP's takeover, and the balancer's checks of the dead API server."""
        return loss_limits(ctx, self, ctx.target)

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back; the address has to end on exactly one other node meanwhile."""
        cut_and_watch(ctx, ctx.target)
        holder = ctx.cluster.api.vip_holder()
        ctx.event("vip", holder, "holds the virtual address after the drill")


DRILLS = (
    FailoverVip(
        name="failover-vip",
        title="Power cut to the holder of the virtual address",
        proves=(
            "the API stays reachable at the same address when the control plane that holds it dies"
        ),
        needs="3 control planes or more with a virtual address, power control",
        duration_s=120,
        family=Family.FAILOVER,
        order=1,
        standard=True,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=2.0, dns_outage_s=PLANE_LOSS_S),
        limits_because=(
            "VRRP must move the virtual address within 2 s; a reused connection notices 1 s later"
        ),
        steps=(
            (
                "Find the holder, in the kernels of the control planes. If it also leads etcd, "
                "hand "
                "that over to another member, chosen by the seed, so that this drill shows the "
                "address and not the election."
            ),
            "Cut its power from outside.",
            (
                "Wait until another control plane holds the address, Kubernetes marks the node "
                "NotReady and every probe is answered."
            ),
            "Give the power back and wait until it is Ready.",
        ),
    ),
)
