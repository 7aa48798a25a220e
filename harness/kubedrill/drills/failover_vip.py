"""Power cut to the control plane that holds the virtual address.

1. Find the holder, in the kernels of the control planes. If it also leads etcd, hand that over to
   another member, chosen by the seed, so that this drill shows the address and not the election.
2. Cut its power from outside.
3. Wait until another control plane holds the address, Kubernetes marks the node NotReady and every
   probe is answered.
4. Give the power back and wait until it is Ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.etcd_leadership import leader_off
from kubedrill.core.node_loss import cut_and_watch, loss_budgets, power_unavailable

if TYPE_CHECKING:
    from kubedrill.base.model import Budget
    from kubedrill.core.drill import DrillContext


class FailoverVip:
    """Lose the holder of the virtual address."""

    name = "failover-vip"
    title = "Power cut to the holder of the virtual address"
    proves = "the API stays reachable at the same address when the control plane that holds it dies"
    needs = "3 control planes or more with a virtual address, power control"
    takes_s = 120

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a virtual address, three control planes (etcd keeps its majority) and power control from outside."""
        inventory = ctx.cluster.inventory
        if inventory.external:
            return f"needs a virtual address; the API is reached through the balancer {inventory.endpoint_address}"
        return control_plane_loss_unavailable(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Find the holder, and take etcd's leadership off it."""
        holder = ctx.cluster.api.vip_holder()
        leader_off(ctx, holder)
        return (holder,)

    def budgets(self, ctx: DrillContext, targets: tuple[str, ...]) -> list[Budget]:
        """VRRP's takeover, and the balancer's checks of the dead API server."""
        return loss_budgets(ctx, self.name, targets[0])

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back; the address has to end on exactly one other node meanwhile."""
        cut_and_watch(ctx, ctx.target)
        holder = ctx.cluster.api.vip_holder()
        ctx.event("vip", holder, "holds the virtual address after the drill")


def control_plane_loss_unavailable(ctx: DrillContext) -> str | None:
    """Why no control plane may be lost; None when one may."""
    names = [node.name for node in ctx.cluster.inventory.control_planes]
    if len(names) < 3:
        return f"needs 3 control planes or more so that etcd keeps its majority, the inventory has {len(names)}"
    return power_unavailable(ctx, names)
