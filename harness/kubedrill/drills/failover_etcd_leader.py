"""Power cut to the control plane that leads etcd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.choices import address_holders
from kubedrill.core.drill import Drill, Family
from kubedrill.core.etcd_leadership import move_leader_off
from kubedrill.core.limits import PATIENT_S, PLANE_LOSS_S
from kubedrill.core.node_loss import cut_and_watch, explain_plane_needed, loss_limits

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.core.context import DrillContext


class FailoverEtcdLeader(Drill):
    """Lose the etcd leader."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs three control planes (etcd keeps its majority) and power control from outside."""
        return explain_plane_needed(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Find the leader; move the leadership off the holder of the virtual address."""
        return (move_leader_off(ctx, next(iter(address_holders(ctx)), "")),)

    def outage_limits(self, ctx: DrillContext) -> list[OutageLimit]:
        """Raft's election, and the balancer's checks of the dead API server."""
        return loss_limits(ctx, self, ctx.target)

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back."""
        cut_and_watch(ctx, ctx.target)


DRILLS = (
    FailoverEtcdLeader(
        name="failover-etcd-leader",
        title="Power cut to the etcd leader",
        proves=(
            "etcd elects a new leader and the API takes writes again when the leader's node dies"
        ),
        needs="3 control planes or more, power control",
        duration_s=120,
        family=Family.FAILOVER,
        order=2,
        standard=True,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6.0, dns_outage_s=PLANE_LOSS_S),
        limits_because=(
            "a new leader takes 1-2 s, then API servers reconnect and the balancer follows"
        ),
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
