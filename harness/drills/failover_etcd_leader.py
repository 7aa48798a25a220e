"""Power cut to the control plane that leads etcd.

1. Find the leader. If it also holds the virtual address, move the leadership to another member, chosen by the seed, so
   that this drill shows the election and not the address.
2. Cut its power from outside.
3. Wait until a new leader is elected, Kubernetes marks the node NotReady and every probe is answered.
4. Give the power back and wait until it is Ready and its member has caught up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cluster.etcd import ETCDCTL, leader
from harness.drills.base import DrillContext, Survey, pick
from harness.drills.failover_vip import control_plane_loss_unavailable
from harness.drills.node_loss import cut_and_watch, loss_budgets
from harness.errors import StepFailed
from harness.waits import Waiting, wait_for

if TYPE_CHECKING:
    from harness.model import Budget


class FailoverEtcdLeader:
    """Lose the etcd leader."""

    name = "failover-etcd-leader"
    title = "Power cut to the etcd leader"
    proves = "etcd elects a new leader and the API takes writes again when the leader's node dies"
    needs = "3 control planes or more, power control"
    takes_s = 120

    def unavailable(self, survey: Survey) -> str | None:
        """Needs three control planes (etcd keeps its majority) and power control from outside."""
        return control_plane_loss_unavailable(survey)

    def prepare(self, survey: Survey) -> tuple[str, ...]:
        """Find the leader; move the leadership off the holder of the virtual address."""
        api, holder = survey.faults.api, survey.faults.api.vip_holder()
        members = api.etcd_members()
        found = leader(members)
        if found is None:
            raise StepFailed("etcd's members do not agree on a leader; look at etcd on the control planes")
        if found != holder:
            return (found,)
        chosen = pick(survey.rng, [member.node for member in members if member.node != found], "other etcd member")
        move_leader(survey, found, chosen)
        return (chosen,)

    def budgets(self, survey: Survey, targets: tuple[str, ...]) -> list[Budget]:
        """Raft's election, and the balancer's checks of the dead API server."""
        return loss_budgets(survey, self.name, targets[0])

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back."""
        cut_and_watch(ctx, ctx.target)


def move_leader(survey: Survey, source: str, to: str) -> None:
    """Hand etcd's leadership from one node's member to another's and wait until all agree.

    Raises:
        StepFailed: etcd refused; carries its own words.
    """
    ctx = survey.faults
    ids = {member.node: member.id for member in ctx.api.etcd_members()}
    ctx.hosts.check(source, f"{ETCDCTL} move-leader {ids[to]:x}")

    def moved() -> bool | Waiting:
        now = ctx.api.etcd_leader()
        return True if now == to else Waiting(f"{now or 'nobody'} leads")

    seconds = ctx.settings.timeouts.etcd_healthy
    wait_for(f"{to} to lead etcd", moved, seconds=seconds, setting="etcd_healthy")
    ctx.note(to, f"leads etcd now instead of {source}")
