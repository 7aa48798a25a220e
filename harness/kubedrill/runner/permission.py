"""Whether a cluster may be drilled at all: quick to import, since every command asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import UsageError

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory


def require_permission(inventory: Inventory) -> None:
    """Refuse a cluster whose owner did not allow drills.

    Raises:
        UsageError: ``drills_allowed`` is not true.
    """
    if not inventory.drills_allowed:
        raise UsageError(
            f"{inventory.path} does not allow drills: they cut power and drain nodes. To allow "
            "it, set "
            "'drills_allowed: true' in its group_vars/cluster.yml; never on a cluster that others "
            "rely on unknowingly."
        )
