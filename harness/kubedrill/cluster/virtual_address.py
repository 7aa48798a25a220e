"""Who holds the virtual address: asked of each control plane's kernel."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.hosts import Hosts, HostUnreachable

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory


def vip_holders(hosts: Hosts, inventory: Inventory) -> list[str]:
    """Names of the control planes with the virtual address on an interface.

    A dead node holds nothing.

    Empty with a load balancer outside the cluster: there is no such address.
    """
    planes = () if inventory.external else inventory.control_planes
    return [node.name for node in planes if _holds(hosts, node.name, inventory.endpoint_address)]


def vip_holder(hosts: Hosts, inventory: Inventory) -> str:
    """Name of the one control plane that holds the virtual address.

    Raises:
        StepFailed: none or several hold it, or there is no such address.
    """
    address = inventory.endpoint_address
    if inventory.external:
        raise StepFailed(
            f"the API is reached through the balancer {address}; no node holds a virtual address"
        )
    holders = vip_holders(hosts, inventory)
    if len(holders) != 1:
        actual = ", ".join(holders) or "none"
        raise StepFailed(
            f"virtual address {address} is held by {actual}; expected exactly one control plane. "
            f"Look at keepalived on "
            "the control planes."
        )
    return holders[0]


def _holds(hosts: Hosts, node: str, address: str) -> bool:
    try:
        result = hosts.read(node, ["ip", "-json", "address", "show"], 10, check=False)
    except (HostUnreachable, DeadlineExceeded):
        return False
    return result.ok and has_address(result.stdout, address)


def has_address(ip_json: str, address: str) -> bool:
    """Whether ``ip -json address`` lists exactly this address (10.0.0.1 is not 10.0.0.10).

    >>> has_address('[{"addr_info": [{"local": "10.0.0.10"}]}]', "10.0.0.1")
    False
    """
    expected = ipaddress.ip_address(address)
    return any(
        ipaddress.ip_address(info["local"]) == expected
        for link in json.loads(ip_json)
        for info in link.get("addr_info", [])
        if "local" in info
    )
