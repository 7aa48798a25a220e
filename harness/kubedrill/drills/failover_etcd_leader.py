"""Power cut to the control plane that leads etcd.

1. Find the leader. If it also holds the virtual address, move the leadership to another member,
   chosen by the seed, so that this drill shows the election and not the address.
2. Cut its power from outside.
3. Wait until a new leader is elected, Kubernetes marks the node NotReady and every probe is
   answered.
4. Give the power back and wait until it is Ready and its member has caught up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.choices import address_holders
from kubedrill.core.etcd_leadership import leader_off
from kubedrill.core.node_loss import cut_and_watch, loss_budgets
from kubedrill.drills.failover_vip import control_plane_loss_unavailable

if TYPE_CHECKING:
    from kubedrill.base.model import Budget
    from kubedrill.core.drill import DrillContext


class FailoverEtcdLeader:
    """Lose the etcd leader."""

    name = "failover-etcd-leader"
    title = "Power cut to the etcd leader"
    proves = "etcd elects a new leader and the API takes writes again when the leader's node dies"
    needs = "3 control planes or more, power control"
    takes_s = 120

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs three control planes (etcd keeps its majority) and power control from outside."""
        return control_plane_loss_unavailable(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Find the leader; move the leadership off the holder of the virtual address."""
        return (leader_off(ctx, next(iter(address_holders(ctx)), "")),)

    def budgets(self, ctx: DrillContext, targets: tuple[str, ...]) -> list[Budget]:
        """Raft's election, and the balancer's checks of the dead API server."""
        return loss_budgets(ctx, self.name, targets[0])

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back."""
        cut_and_watch(ctx, ctx.target)
