"""The matrix: one cell for each topology, path of versions and way to upgrade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import ConfigErrors
from kubedrill.drills import ALL

if TYPE_CHECKING:
    from kubedrill.nightly.plan import Plan, Without

_INSTALL_S = 60
"""Seconds of an installation, and 30 more for each node, on two cores."""
_PER_NODE_S = 30


@dataclass(frozen=True)
class Cell:
    """One fresh cluster and what is done to it. ``during`` is empty where nothing is upgraded."""

    topology: str
    versions: tuple[str, ...]
    during: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def key(self) -> str:
        """What the cell is called: the same in every cycle, and good for a folder's name.

        >>> Cell("3+2", ("1.35.4", "1.36.3"), "cluster-upgrade", (), ()).key
        '3+2_1.35.4-1.36.3_cluster-upgrade'
        """
        return "_".join(
            part for part in (self.topology, "-".join(self.versions), self.during) if part
        )

    @property
    def planes(self) -> int:
        """Count of control planes."""
        return int(self.topology.split("+")[0])

    @property
    def workers(self) -> int:
        """Count of workers."""
        return int(self.topology.split("+")[1])

    @property
    def balancer(self) -> bool:
        """Whether a load balancer outside the cluster stands in front of its API.

        >>> Cell("3+2+lb", ("1.35.4",), "", ("pod-killed",), ()).balancer
        True
        """
        return self.topology.endswith("+lb")

    @property
    def expected_s(self) -> int:
        """Rough duration in seconds, from what drills say that they take."""
        upgrades = ALL[self.during].duration_s * (len(self.versions) - 1) if self.during else 0
        drills = sum(ALL[name].duration_s for name in (*self.before, *self.after))
        return _INSTALL_S + _PER_NODE_S * (self.planes + self.workers) + drills + upgrades


def cells_of(plan: Plan) -> list[Cell]:
    """Every cell that the plan asks for, in the plan's order.

    Raises:
        ConfigErrors: none is left.
    """
    drills = plan.drills
    matching = {
        cell.key: cell
        for topology in plan.topologies
        for versions in plan.versions
        for during in (drills.during if len(versions) > 1 else ("",))
        for cell in [
            Cell(topology, versions, during, drills.before, drills.after if during else ())
        ]
        if not any(_matches(cell, without) for without in plan.skip)
    }
    if not matching:
        raise ConfigErrors("the plan", ["skip leaves no cell; expected one at least"])
    idle = [cell.key for cell in matching.values() if not (cell.before or cell.during)]
    if idle:
        why = (
            "one version and no drills.before: nothing would be drilled; add drills or a "
            "version "
            "to upgrade to"
        )
        raise ConfigErrors("the plan", [f"{key}: {why}" for key in idle])
    return list(matching.values())


def _matches(cell: Cell, without: Without) -> bool:
    excluded = (without.topology, without.versions, without.during)
    return all(
        not want or want == has
        for want, has in zip(excluded, (cell.topology, cell.versions, cell.during), strict=True)
    )
