"""The variables of this collection, read on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import POWER

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLECTION = Path(__file__).resolve().parents[2]
UNSET = (
    "cluster_external_address",
    "cluster_node_address",
    "cluster_virtual_address",
    "upgrade_serial",
)
"""Variables of playbooks without a default."""
RENAMED = {"control_plane_invitation_ttl": "control_plane_join_token_ttl"}
"""Former name → name. An entry stays for one release."""


def known_variables() -> dict[str, str]:
    """Types of all variables, also of those under their former names; "" where none is said."""
    names = [*_shared(), *UNSET, *POWER, *RENAMED]
    return {**dict.fromkeys(names, ""), **dict(_specified())}


def _specified() -> Iterator[tuple[str, str]]:
    for path in COLLECTION.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            yield from (
                (name, option["type"]) for name, option in (entry.get("options") or {}).items()
            )


def _shared() -> Iterator[str]:
    path = COLLECTION / "playbooks" / "group_vars" / "all.yml"
    yield from yaml.safe_load(path.read_text(encoding="utf-8"))
