"""What records and verdicts of before 0.2 call otherwise, or leave out.

They are still read. Whatever is written has the new words.
"""

from __future__ import annotations

from typing import Any

from kubedrill.base.model import CheckId, Leaves

CHECK_IDS = {
    "healthy before": CheckId.HEALTHY_BEFORE.value,
    "healthy after": CheckId.HEALTHY_AFTER.value,
    "no residue": CheckId.NO_LEFTOVERS.value,
    "the API server runs the new release": CheckId.UPGRADED.value,
}
"""Checks had a name for people only."""

_UPGRADES = (
    "cluster-upgrade",
    "upgrade-killed",
    "upgrade-node-lost",
    "upgrade-plane-lost",
    "upgrade-drain-blocked",
)


def leaves(drill: str) -> Leaves:
    """What a drill leaves, of which the record's header did not tell.

    >>> leaves("cluster-upgrade"), leaves("node-drain")
    (<Leaves.UPGRADED: 'upgraded'>, <Leaves.UNCHANGED: 'unchanged'>)
    """
    return Leaves.UPGRADED if drill.startswith(_UPGRADES) else Leaves.UNCHANGED


def check(line: dict[str, Any]) -> dict[str, Any]:
    """The fields of a check in a record, by their names now."""
    fields = {"id": CHECK_IDS.get(str(line.get("name")), ""), **line}
    if "found" in fields:
        fields["actual"] = fields.pop("found")
    return fields


def header(line: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record's header, with what it did not say."""
    return {"leaves": leaves(str(line.get("drill"))), **line}
