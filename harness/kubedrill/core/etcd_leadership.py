"""Who leads etcd, and handing the leadership over so that one drill shows one mechanism."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.etcd import ETCDCTL, leader, problems
from kubedrill.core.choices import pick

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.core.context import DrillContext


def move_leader_off(ctx: DrillContext, holder: str) -> str:
    """Return the node that leads etcd.

    Where that is ``holder``, hand over to another member, chosen by the seed.

    Raises:
        StepFailed: the members do not agree on a leader, or etcd refused to hand over.
    """
    members = ctx.cluster.api.etcd_members()
    leader_node = leader(members)
    if leader_node is None:
        raise StepFailed(
            "etcd's members do not agree on a leader; look at etcd on the control planes"
        )
    if leader_node != holder:
        return leader_node
    chosen = pick(
        ctx.rng,
        [member.node for member in members if member.node != leader_node],
        "other etcd member",
    )
    move_leader(ctx, leader_node, chosen)
    return chosen


def wait_whole(api: ClusterApi) -> None:
    """Wait until every member of etcd is a healthy voter. Raises DeadlineExceeded."""
    api.wait(
        "etcd to be whole",
        lambda: "; ".join(problems(api.etcd_members())) or None,
        setting="etcd_healthy",
    )


def move_leader(ctx: DrillContext, source: str, to: str) -> None:
    """Hand etcd's leadership from one node's member to another's and wait until all agree.

    Raises:
        StepFailed: etcd refused; carries its own words.
    """
    cluster = ctx.cluster
    if ctx.dry_run:
        cluster.note(to, f"would be made to lead etcd instead of {source}")
        return
    ids = {member.node: member.id for member in cluster.api.etcd_members()}
    cluster.hosts.change(source, f"{ETCDCTL} move-leader {ids[to]:x}")

    def moved() -> bool | Waiting:
        now = cluster.api.etcd_leader()
        return True if now == to else Waiting(f"{now or 'nobody'} leads")

    seconds = cluster.settings.timeouts.etcd_healthy
    wait_for(f"{to} to lead etcd", moved, seconds=seconds, setting="etcd_healthy")
    cluster.note(to, f"leads etcd now instead of {source}")
