"""etcd loses its quorum: most of its members hang at the same time.

The only drill that may go below quorum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.waits import pause
from kubedrill.config.limits import Limits
from kubedrill.core.choices import majority
from kubedrill.core.drill import Drill, Family
from kubedrill.core.limits import PATIENT_S, expected_limits
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import Expected, Prediction, balancer, election
from kubedrill.faults import QuorumLoss

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.core.context import DrillContext

HOLD_S = 20.0
"""Seconds without quorum: less than the 80 s after which a liveness probe of kubeadm's restarts a
frozen etcd."""


class EtcdQuorumLost(Drill):
    """Lose etcd's quorum."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs at least three members, all of them healthy."""
        names = [node.name for node in ctx.cluster.inventory.control_planes]
        if len(names) < 3:
            return f"needs {self.needs}, the inventory has {len(names)}"
        return QuorumLoss(tuple(names[: majority(len(names))])).available(ctx.cluster)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the members."""
        names = sorted(node.name for node in ctx.cluster.inventory.control_planes)
        return tuple(sorted(ctx.rng.sample(names, majority(len(names)))))

    def outage_limits(self, ctx: DrillContext) -> list[OutageLimit]:
        """The API is out without quorum, and until the balancer finds an API server ready."""
        timers = ctx.timers
        parts = (election(timers, ctx.target), balancer(timers, ctx.target))
        seconds = HOLD_S + sum(part.seconds for part in parts)
        because = (
            f"etcd has no quorum for {HOLD_S:g} s, then one after the other:",
            *parts[0].because,
            *parts[1].because,
        )
        expected = Expected(
            api=(Prediction(seconds, because),),
            app_why="Services are rules in the kernel: they need no API",
            dns_why="CoreDNS answers from its memory while the API is away",
        )
        return expected_limits(ctx.limits(self), expected)

    def run(self, ctx: DrillContext) -> None:
        """Freeze, wait, wake."""
        timeouts = ctx.cluster.settings.timeouts
        with ctx.fault(QuorumLoss(ctx.targets)), ctx.step("etcd", f"no quorum: for {HOLD_S:g} s"):
            pause(HOLD_S)
        with ctx.step("etcd", "quorum is back: until every probe is answered"):
            ctx.wait_answering("*", for_s=CALM_S, seconds=timeouts.api_up, setting="api_up")


DRILLS = (
    EtcdQuorumLost(
        name="etcd-quorum-lost",
        title="etcd loses its quorum",
        proves=(
            "the app serves while the API is away, and the API comes back by itself when etcd "
            "has its quorum again"
        ),
        needs="3 control planes or more",
        duration_s=70,
        family=Family.ETCD,
        takes_quorum=True,
        order=1,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=60),
        limits_because="20 s without quorum, then an election; API servers reconnect",
        steps=(
            "Choose a bare majority of the etcd members by the seed.",
            "Arm the undo on each of their nodes, then freeze them: their data are not touched.",
            "Leave it so for a while: the API takes no write, and what runs goes on.",
            "Let them go on. A leader is elected, and the API serves again with nobody's help.",
        ),
    ),
)
