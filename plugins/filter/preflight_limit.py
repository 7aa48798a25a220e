"""What an installation cannot do to some of the cluster's hosts without the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def limit_mistakes(
    nodes: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Any]
) -> list[str]:
    """Say which hosts need some that ``--limit`` leaves out.

    ``nodes`` maps the names of the play's hosts to what preflight_node returned. ``expected`` has
    ``cluster`` and ``control_planes`` (names of all hosts), ``limit`` and ``purpose``. A worker
    that has joined needs no other host; what an upgrade needs is said by its plan.
    """
    left_out = [name for name in expected["cluster"] if name not in nodes]
    needing = [
        name
        for name, node in nodes.items()
        if name in expected["control_planes"] or not node.get("joined", True)
    ]
    if expected["purpose"] != "install" or not left_out or not needing:
        return []
    reason = "a control plane needs the addresses of all nodes, a node that joins needs all of them"
    return [
        (
            f"--limit {expected['limit']} leaves out {', '.join(left_out)}: {reason} (here: "
            f"{', '.join(needing)}); run the same command without --limit, it changes nothing on "
            "nodes that are complete"
        )
    ]


class FilterModule:
    """Filters of the role's node checks."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {"preflight_limit_mistakes": limit_mistakes}
