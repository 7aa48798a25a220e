"""What a record's header has of the harness host, and the labels of a run in the history."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import psutil

from kubedrill.apps import SampleApp

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

_BACKEND = "vxlan"
"""The default of roles/network's network_backend."""


def host_facts(inventory: Inventory, settings: Settings) -> dict[str, Any]:
    """Return facts of the host, and under ``labels`` topology, network, host and app.

    See docs/how-to/history.md.

    An application of the user's own is told in words too, under ``app``.
    """
    given, app = settings.history, settings.app
    balancer = "+lb" if inventory.external else ""
    planes = sum(node.is_control_plane for node in inventory.nodes)
    return {
        "cpus": os.cpu_count(),
        "memory_mib": psutil.virtual_memory().total >> 20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "labels": {
            "topology": f"{planes}+{len(inventory.nodes) - planes}{balancer}",
            "network": given.network or _network(inventory),
            "host": given.host or platform.node(),
            "app": given.app or (app.name if app else SampleApp.name),
        },
        **({"app": {"is": app.where, "from": app.source}} if app else {}),
    }


def _network(inventory: Inventory) -> str:
    engine = inventory.vars.get("network_policy_engine", "none")
    backend = f"flannel-{inventory.vars.get('network_backend', _BACKEND)}"
    return backend if engine == "none" else f"{backend}+{engine}"
