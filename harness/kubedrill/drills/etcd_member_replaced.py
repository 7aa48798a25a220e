"""The data of one etcd member are gone, and a new member takes its place.

By hand: ``etcdctl member list``, ``kubectl get node``, ``etcdctl endpoint status --cluster -w
table``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kubedrill.base.waits import pause
from kubedrill.config.limits import Limits
from kubedrill.core.choices import etcd_followers
from kubedrill.core.drill import Family
from kubedrill.core.etcd_leadership import wait_whole
from kubedrill.core.expectations import PLANES, one_api_server
from kubedrill.core.fault_drill import FaultDrill
from kubedrill.core.ledger import Ledger, Writing, check_ledger
from kubedrill.core.limits import PATIENT_S
from kubedrill.core.node_loss import CALM_S
from kubedrill.faults import MemberLoss

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext

HOLD_S = 10.0
"""Seconds that the member is missed before it is replaced: less than the 50 s after which its node
is NotReady."""


class EtcdMemberReplaced(FaultDrill):
    """Replace an etcd member."""

    def run(self, ctx: DrillContext) -> None:
        """Lose, replace, look."""
        fault, ledger = MemberLoss(ctx.target), Ledger(ctx.cluster.api)
        ctx.undos.add("the ledger", ledger.close)
        ledger.open()
        with Writing(ledger), ctx.fault(fault):
            lost_at = time.monotonic()
            with ctx.step(ctx.target, f"no etcd data: for {HOLD_S:g} s"):
                pause(HOLD_S)
            with ctx.step(ctx.target, "a new member joins etcd"):
                fault.replace(ctx.cluster)
            with ctx.step(ctx.target, "replaced: until every member is healthy"):
                wait_whole(ctx.cluster.api)
            seconds = time.monotonic() - lost_at
        with ctx.step(ctx.target, "replaced: until every probe is answered"):
            wait_s = ctx.cluster.settings.timeouts.api_up
            ctx.wait_answering("*", for_s=CALM_S, seconds=wait_s, setting="api_up")
        actual = f"{seconds:.0f} s after its data were lost, {HOLD_S:g} s of them on purpose"
        ctx.check(
            "member-replaced",
            "the member was replaced",
            ok=True,
            actual=actual,
            expected="a healthy voter again",
        )
        check_ledger(ctx, ledger)


DRILLS = (
    EtcdMemberReplaced(
        name="etcd-member-replaced",
        title="An etcd member loses its data and is replaced",
        proves=(
            "the API serves while a member that lost its data is replaced, and no "
            "acknowledged write is lost"
        ),
        needs=PLANES,
        duration_s=110,
        family=Family.ETCD,
        game_day=False,
        among=etcd_followers,
        fault=MemberLoss,
        expect=one_api_server,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6),
        limits_because="the API server beside it leaves the balancer, and comes back",
        steps=(
            (
                "Choose a control plane by the seed that neither leads etcd nor holds the virtual "
                "address."
            ),
            (
                "Arm the undo on it, park the manifests of etcd and its API server, kill both, and "
                "move the data aside. Leave it so for a while."
            ),
            (
                "Remove the old member from etcd (``etcdctl member remove``), add a learner "
                "(``member "
                "add --learner``), write its manifest as kubeadm does for a control plane that "
                "joins, "
                "give it back, promote the learner once it caught up, give the API server back."
            ),
            "All members have to be healthy voters, and every acknowledged write has to be there.",
        ),
    ),
)
