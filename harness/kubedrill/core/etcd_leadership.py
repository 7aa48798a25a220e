"""Who leads etcd, and handing the leadership over so that one drill shows one mechanism."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.etcd import ETCDCTL, leader
from kubedrill.core.drill import pick

if TYPE_CHECKING:
    from kubedrill.core.drill import Survey


def leader_off(survey: Survey, holder: str) -> str:
    """Return the node that leads etcd.

    Where that is ``holder``, hand over to another member, chosen by the seed.

    Raises:
        StepFailed: the members do not agree on a leader, or etcd refused to hand over.
    """
    members = survey.faults.api.etcd_members()
    found = leader(members)
    if found is None:
        raise StepFailed(
            "etcd's members do not agree on a leader; look at etcd on the control planes"
        )
    if found != holder:
        return found
    chosen = pick(
        survey.rng, [member.node for member in members if member.node != found], "other etcd member"
    )
    move_leader(survey, found, chosen)
    return chosen


def move_leader(survey: Survey, source: str, to: str) -> None:
    """Hand etcd's leadership from one node's member to another's and wait until all agree.

    Raises:
        StepFailed: etcd refused; carries its own words.
    """
    ctx = survey.faults
    if survey.rehearsal:
        ctx.note(to, f"would be made to lead etcd instead of {source}")
        return
    ids = {member.node: member.id for member in ctx.api.etcd_members()}
    ctx.hosts.check(source, f"{ETCDCTL} move-leader {ids[to]:x}")

    def moved() -> bool | Waiting:
        now = ctx.api.etcd_leader()
        return True if now == to else Waiting(f"{now or 'nobody'} leads")

    seconds = ctx.settings.timeouts.etcd_healthy
    wait_for(f"{to} to lead etcd", moved, seconds=seconds, setting="etcd_healthy")
    ctx.note(to, f"leads etcd now instead of {source}")
