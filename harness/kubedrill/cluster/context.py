"""Everything that a fault or a drill needs of one cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.cluster.power import Power
    from kubedrill.config import Settings


@dataclass(frozen=True)
class Cluster:
    """A cluster and the ways to reach it.

    ``note`` puts one line (subject, text) on the terminal and into the record.
    """

    inventory: Inventory
    settings: Settings
    api: ClusterApi
    hosts: Hosts
    power: Power
    note: Callable[[str, str], None]
