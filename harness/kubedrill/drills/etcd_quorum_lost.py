"""etcd loses its quorum: most of its members hang at the same time.

The only drill that may go below quorum.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.waits import pause
from kubedrill.config.limits import Limits
from kubedrill.core.choices import majority
from kubedrill.core.drill import Drill, Family
from kubedrill.core.expectations import PLANES
from kubedrill.core.limits import PATIENT_S
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import Expected, Prediction, balancer, election
from kubedrill.faults import QuorumLoss

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.faults import Fault

HOLD_S = 20.0
"""Seconds without quorum: less than the 80 s after which a liveness probe of kubeadm's restarts a
frozen etcd."""


@dataclass(frozen=True, kw_only=True)
class QuorumDrill(Drill):
    """A drill that takes the quorum away from a bare majority of the members, by the seed."""

    needs: str = PLANES
    family: Family = Family.ETCD
    takes_quorum: bool = True

    @abstractmethod
    def fault(self, members: tuple[str, ...], planes: tuple[str, ...]) -> Fault:
        """What takes the quorum away from ``members``."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs at least three members, all of them healthy."""
        names = planes(ctx)
        if len(names) < 3:
            return f"needs {self.needs}, the inventory has {len(names)}"
        return self.fault(names[: majority(len(names))], names).available(ctx.cluster)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the members."""
        names = planes(ctx)
        return tuple(sorted(ctx.rng.sample(names, majority(len(names)))))


def planes(ctx: DrillContext) -> tuple[str, ...]:
    """Every control plane, sorted."""
    return tuple(sorted(node.name for node in ctx.cluster.inventory.control_planes))


def api_away(ctx: DrillContext, seconds: float, *because: str) -> Expected:
    """The API is out for ``seconds``, then until a leader is elected and the balancer has noticed.

    ``because`` says what takes the ``seconds``.
    """
    parts = (election(ctx.timers, ctx.target), balancer(ctx.timers, ctx.target))
    return Expected(
        api=(
            Prediction(
                seconds + sum(part.seconds for part in parts),
                (*because, *parts[0].because, *parts[1].because),
                least_s=HOLD_S,
            ),
        ),
        app_why="Services are rules in the kernel: they need no API",
        dns_why="CoreDNS answers from its memory while the API is away",
    )


class EtcdQuorumLost(QuorumDrill):
    """Lose etcd's quorum."""

    def fault(self, members: tuple[str, ...], planes: tuple[str, ...]) -> Fault:
        """Let the members hang."""
        del planes
        return QuorumLoss(members)

    def expected(self, ctx: DrillContext) -> Expected:
        """The API is out without quorum, and until the balancer finds an API server ready."""
        return api_away(
            ctx, HOLD_S, f"etcd has no quorum for {HOLD_S:g} s, then one after the other:"
        )

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
        duration_s=70,
        order=1,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=60),
        evidence=QuorumLoss.evidence,
        limits_because="20 s without quorum, then an election; API servers reconnect",
        steps=(
            "Choose a bare majority of the etcd members by the seed.",
            "Arm the undo on each of their nodes, then freeze them: their data are not touched.",
            "Leave it so for a while: the API takes no write, and what runs goes on.",
            "Let them go on. A leader is elected, and the API serves again with nobody's help.",
        ),
    ),
)
