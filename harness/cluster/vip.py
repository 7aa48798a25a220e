"""Who holds the virtual address: asked of each control plane's kernel."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING

from harness.cluster.hosts import Hosts, HostUnreachable
from harness.errors import DeadlineExceeded

if TYPE_CHECKING:
    from harness.cluster.inventory import Inventory


def vip_holders(hosts: Hosts, inventory: Inventory) -> list[str]:
    """Names of the control planes with the virtual address on an interface; a dead node holds nothing."""
    return [node.name for node in inventory.control_planes if _holds(hosts, node.name, inventory.virtual_address)]


def _holds(hosts: Hosts, node: str, address: str) -> bool:
    try:
        result = hosts.run(node, ["ip", "-json", "address", "show"], 10)
    except (HostUnreachable, DeadlineExceeded):
        return False
    return result.ok and has_address(result.stdout, address)


def has_address(ip_json: str, address: str) -> bool:
    """Whether ``ip -json address`` lists exactly this address (10.0.0.1 is not 10.0.0.10).

    >>> has_address('[{"addr_info": [{"local": "10.0.0.10"}]}]', "10.0.0.1")
    False
    """
    wanted = ipaddress.ip_address(address)
    return any(
        ipaddress.ip_address(info["local"]) == wanted
        for link in json.loads(ip_json)
        for info in link.get("addr_info", [])
        if "local" in info
    )
