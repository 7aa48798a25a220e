"""The matrix: one cell for each topology, path of versions and way to upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import ConfigErrors
from kubedrill.drills import ALL
from kubedrill.nightly.state import Cell

if TYPE_CHECKING:
    from kubedrill.nightly.plan import Drills, Plan

_INSTALL_S = 60
"""Seconds of an installation, and 30 more for each node, on two cores."""
_PER_NODE_S = 30


def expected_s(cell: Cell, drills: Drills) -> int:
    """Rough duration of a cell in seconds, from what drills say that they take."""
    steps = len(cell.versions) - 1
    names = (*drills.before, *[cell.during] * steps, *(drills.after if cell.during else ()))
    nodes = cell.planes + cell.workers
    return _INSTALL_S + _PER_NODE_S * nodes + sum(ALL[name].duration_s for name in names)


def cells_of(plan: Plan) -> list[Cell]:
    """Every cell that the plan asks for, in the plan's order.

    Raises:
        ConfigErrors: none is left.
    """
    cells = {
        cell.key: cell
        for topology in plan.topologies
        for versions in plan.versions
        for during in (plan.drills.during if len(versions) > 1 else ("",))
        for key in ["_".join(filter(None, (topology, "-".join(versions), during)))]
        for cell in [Cell(key=key, topology=topology, versions=versions, during=during)]
        if not any(without.matches(cell) for without in plan.skip)
    }
    if not cells:
        raise ConfigErrors("the plan", ["skip leaves no cell; expected one at least"])
    idle = [key for key, cell in cells.items() if not (plan.drills.before or cell.during)]
    if idle:
        why = (
            "one version and no drills.before: nothing would be drilled; add drills or a version "
            "to upgrade to"
        )
        raise ConfigErrors("the plan", [f"{key}: {why}" for key in idle])
    return list(cells.values())
