"""kubectl as an administrator has it, on the first control plane."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kubedrill.cluster.kubeconfig import ADMIN_CONF

if TYPE_CHECKING:
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

KUBECTL = ["kubectl", "--kubeconfig", ADMIN_CONF]


def ask(hosts: Hosts, inventory: Inventory, *arguments: str) -> Any:
    """Return what kubectl answers to a reading verb, as JSON says it."""
    result = hosts.read(
        inventory.control_planes[0], [*KUBECTL, *arguments, "-o", "json"], check=False
    )
    assert result.ok, result.stderr
    return json.loads(result.stdout)
