"""What a drill is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import TYPE_CHECKING

from kubedrill.base.model import Leaves
from kubedrill.config.limits import Limits
from kubedrill.core.limits import PATIENT_S, expected_limits

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


class Family(IntEnum):
    """What a drill is about. Families are run in this order: an upgrade cannot be undone."""

    RELEASES = auto()
    DRAINS = auto()
    PODS = auto()
    ORDERS = auto()
    LEADERS = auto()
    SERVICES = auto()
    NETWORK = auto()
    NODES = auto()
    RESOURCES = auto()
    TRUST = auto()
    FAILOVER = auto()
    ETCD = auto()
    GAME_DAY = auto()
    UPGRADES = auto()


@dataclass(frozen=True, kw_only=True)
class Drill(ABC):
    """One drill, and everything that is known about it before it is run.

    ``limits`` are what it may cost, which ``drills.<name>`` of the configuration changes, and
    ``limits_because`` is the reason for them. ``evidence`` is what shows that it took hold, without
    which it is INCONCLUSIVE: nothing was tested. It has no state: what it decides for one run is in
    the targets.
    """

    name: str
    title: str
    proves: str
    needs: str
    duration_s: int  # rough, on a small cluster
    family: Family
    steps: tuple[str, ...]
    evidence: str = ""  # what shows that what it breaks or changes took hold
    limits: Limits = field(default_factory=lambda: Limits(app_outage_s=PATIENT_S))
    limits_because: str
    leaves: Leaves = Leaves.UNCHANGED
    standard: bool = False  # whether it is run when no drill is named
    order: int = 0  # within the family
    takes_quorum: bool = False  # whether its faults may take etcd's quorum away
    restores_etcd: bool = False  # whether etcd goes back to a snapshot: revisions do as well
    only_by_name: bool = False  # whether "all" leaves it out: it changes the cluster for good
    vantages: int = 1  # workers that the in-cluster probers stand on, where there are so many
    game_day: bool = False  # one fault that it heals itself, with nothing handed over before

    def __post_init__(self) -> None:
        """Refuse a drill that could not tell whether anything was tested. Raises TypeError."""
        if not self.evidence:
            raise TypeError(f"drill {self.name} states no evidence that it took hold")

    @property
    def upgrades(self) -> bool:
        """Whether it starts an upgrade of the cluster, whatever becomes of it."""
        return self.family is Family.UPGRADES

    @property
    def leaves_upgraded(self) -> bool:
        """Whether the cluster is at the newer release when it has ended."""
        return self.leaves is Leaves.UPGRADED

    @property
    def in_all(self) -> bool:
        """Whether "all" runs it: of the drills that change the cluster only the standard one."""
        return self.standard or (self.leaves is Leaves.UNCHANGED and not self.only_by_name)

    @abstractmethod
    def unavailable(self, ctx: DrillContext) -> str | None:
        """Why it cannot be run on this cluster; None when it can. Touches nothing."""

    @abstractmethod
    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the targets by the seed.

        May move leadership so that the drill tests what it says.
        """

    @abstractmethod
    def expected(self, ctx: DrillContext) -> Expected:
        """Predict what each group of users should feel, and why. ``ctx`` has the targets."""

    def outage_limits(self, ctx: DrillContext) -> list[OutageLimit]:
        """Return the outage that each group of probes may have; the first match counts."""
        return expected_limits(ctx.limits(self), self.expected(ctx))

    @abstractmethod
    def run(self, ctx: DrillContext) -> None:
        """Break, wait until users are served again, heal. Traffic flows all the time."""
