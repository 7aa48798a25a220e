"""Which ports the nodes try of one another before an installation, and what came of it."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_networks import (
    API_SERVER_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Node = Mapping[str, Any]
    Nodes = Mapping[str, Node]

ETCD, KUBELET, VXLAN = (2379, 2380), 10250, 8472
WHERE = "docs/how-to/own-machines.md lists what is to pass"


def peers(nodes: Nodes, expected: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What each node is to try: name → arguments of preflight_ports.

    ``nodes`` maps names to what preflight_node returned. ``expected`` has ``control_planes``,
    ``network`` (the nodes'), ``hosts`` (names to ansible_host), ``addresses`` (names to
    cluster_node_address), ``virtual_address`` and ``api_port``. Nodes that are both in the cluster
    have found one another.
    """
    seen = {name: node for name, node in nodes.items() if "trouble" not in node}
    addresses = {name: _address(name, node, expected) for name, node in seen.items()}
    return {
        name: [
            _peer(name, other, seen[other], addresses[other], expected)
            for other in seen
            if other != name and addresses[other] and not (node["joined"] and seen[other]["joined"])
        ]
        for name, node in seen.items()
    }


def _peer(
    name: str, other: str, node: Node, address: str, expected: Mapping[str, Any]
) -> dict[str, Any]:
    planes = expected["control_planes"]
    tcp = [API_SERVER_PORT] if other in planes else []
    if other in planes and expected["virtual_address"]:
        tcp.append(int(expected["api_port"]))
    if name in planes:
        tcp += [*(ETCD if other in planes else ()), KUBELET]
    # What listens takes datagrams without an answer.
    pairs = name in planes and other in planes and bool(expected["virtual_address"])
    return {
        "name": other,
        "address": address,
        "tcp": tcp,
        "udp": [] if "vxlan" in node["listens"] else [VXLAN],
        "vrrp": pairs and "vrrp" not in node["listens"],
    }


def _address(name: str, node: Node, expected: Mapping[str, Any]) -> str:
    """The node's address for other nodes, "" where that is known later only."""
    network = ipaddress.ip_network(str(expected["network"]))
    inside = [
        text
        for text in node["addresses"]
        if text != expected["virtual_address"] and ipaddress.ip_address(text) in network
    ]
    reached = str(expected["addresses"].get(name) or expected["hosts"].get(name, ""))
    if reached in inside:
        return reached
    return str(inside[0]) if len(inside) == 1 else ""


def port_mistakes(trials: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say what is blocked; ``trials`` maps names to what preflight_ports returned."""
    return [
        f"{', '.join(sources)} cannot reach {name} at {what}: let it pass in the firewall "
        f"({WHERE}), or set preflight_try_ports to false"
        for name, what, sources in _grouped(trials, "blocked")
    ]


def silent_ports(trials: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say what was not answered, which may be no mistake."""
    return [
        f"{', '.join(sources)} got no answer from {name} at {what}: it is blocked ({WHERE}), or "
        f"ICMP is, by which the host would answer"
        for name, what, sources in _grouped(trials, "silent")
    ]


def _grouped(
    trials: Mapping[str, Mapping[str, Any]], kind: str
) -> list[tuple[str, str, list[str]]]:
    """Node, what was tried of it, and by which nodes; a line for what the same nodes tried."""
    sources: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source, result in trials.items():
        for entry in result.get(kind, ()):
            why = f" ({entry['why']})" if "why" in entry else ""
            sources[entry["name"], f"{entry['what']}{why}"].append(source)
    whats: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (name, what), names in sources.items():
        whats[name, tuple(names)].append(what)
    return [(name, ", ".join(what), list(names)) for (name, names), what in whats.items()]


class FilterModule:
    """Filters of the role's trial of ports."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "preflight_peers": peers,
            "preflight_port_mistakes": port_mistakes,
            "preflight_silent_ports": silent_ports,
        }
