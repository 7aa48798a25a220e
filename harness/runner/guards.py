"""What is looked at before anything is broken: is the cluster allowed, healthy, and free of an earlier fault?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cluster.health import find_problems
from harness.drills.residue import leftovers
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.cluster.inventory import Inventory
    from harness.faults import FaultContext


def require_permission(inventory: Inventory) -> None:
    """Refuse a cluster whose owner did not allow drills.

    Raises:
        UsageError: ``drills_allowed`` is not true.
    """
    if not inventory.drills_allowed:
        raise UsageError(
            f"{inventory.path} does not allow drills: they cut power and drain nodes. To allow it, set "
            "'drills_allowed: true' in its group_vars/cluster.yml; never on a cluster that others rely on unknowingly."
        )


def find_unfit(ctx: FaultContext) -> list[str]:
    """Why a drill must not begin: what is unhealthy, and what an earlier fault left behind."""
    problems = find_problems(ctx.api, ctx.hosts, ctx.inventory)
    known = ("unreachable", "api")  # these are problems already, in words of their own
    left = [item for item in leftovers(ctx.inventory, ctx.hosts, ctx.api) if item.kind not in known]
    heal = f"; run 'kubedrill heal --inventory {ctx.inventory.path}'"
    return problems + [f"{item}{heal}" for item in left]


def brief(problems: list[str], most: int = 3) -> str:
    """Some problems in one line; the check "healthy before" lists them all.

    >>> brief(["a", "b", "c"], most=2)
    'a; b; and 1 more'
    """
    more = [f"and {len(problems) - most} more"] if len(problems) > most else []
    return "; ".join([*problems[:most], *more])
