"""What of a node's surroundings the cluster's networks would take away, or a proxy would get.

Pure functions: what preflight_node read on each node in, list of sentences out.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]
Nodes = Mapping[str, Node]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address_mistakes(nodes: Nodes, expected: Mapping[str, Any]) -> list[str]:
    """List all mistakes of all nodes.

    ``nodes`` maps names to what preflight_node returned. ``expected`` has the cluster's
    ``networks`` by the names of their settings, its ``endpoint`` address, and ``resolvers``
    (host_resolvers).
    """
    seen = {name: node for name, node in nodes.items() if "trouble" not in node}
    networks = {
        setting: ipaddress.ip_network(text) for setting, text in expected["networks"].items()
    }
    return [
        *_taken_away(seen, networks, expected["resolvers"]),
        *_asked_through_proxy(seen, networks, expected["endpoint"]),
    ]


def _taken_away(nodes: Nodes, networks: Mapping[str, Network], resolvers: Any) -> list[str]:
    """Say what lies in the networks that the cluster keeps for Services and pods.

    Only before a node joins: the networks cannot be changed afterwards.
    """
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, node in nodes.items():
        for what, text in _needed(node, resolvers) if not node["joined"] else ():
            for setting in ("cluster_service_network", "cluster_pod_network"):
                network = networks[setting]
                if _is_inside(text, network):
                    within = f"{setting} {network} ({network[0]} to {network[-1]})"
                    names[f"{what} {text}", within].append(name)
    return [
        f"{', '.join(where)}: {what} is inside {within}, and would not be reached any more once "
        f"the cluster uses that network: choose one that has none of your addresses"
        for (what, within), where in names.items()
    ]


def _needed(node: Node, resolvers: Any) -> Iterator[tuple[str, str]]:
    if node["ssh_client"]:
        yield "this SSH connection's client", node["ssh_client"]
    yield from (("the gateway", address) for address in node["gateways"])
    yield from (("the resolver", address) for address in node["resolvers"])
    yield from (("the time server", address) for address in node["time_servers"])
    resolvers = [resolvers] if isinstance(resolvers, str) else resolvers
    yield from (("the resolver of host_resolvers", str(address)) for address in resolvers)
    yield from (("the route to", network) for network in node["routes"])


def _is_inside(text: str, network: Network) -> bool:
    inner = _network(text)
    return inner is not None and inner.version == network.version and inner.subnet_of(network)  # type: ignore[arg-type]


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _asked_through_proxy(nodes: Nodes, networks: Mapping[str, Network], endpoint: str) -> list[str]:
    """Say where programs would ask a proxy for the cluster's own addresses.

    kubeadm also copies the variables into the control plane's manifests.
    """
    network = networks["cluster_node_network"]
    inside = {
        address
        for node in nodes.values()
        for address in node["addresses"]
        if _is_inside(address, network)
    }
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, node in nodes.items():
        proxy = node["proxy"]
        excluded = proxy["no_proxy"].split(",")
        missing = [str(each) for each in networks.values() if not _is_excluded(str(each), excluded)]
        if inside and all(_is_excluded(address, excluded) for address in inside):
            missing = [each for each in missing if each != str(network)]
        if endpoint and not _is_excluded(endpoint, [*excluded, *missing]):
            missing.append(endpoint)
        if proxy["variables"] and missing:
            names[proxy["variables"], ",".join(missing)].append(name)
    return [
        f"{', '.join(where)}: {variables} is set, and no_proxy has not {missing}, so that kubeadm "
        f"and the control plane would ask the proxy for the cluster's own addresses: add that to "
        f"no_proxy where the proxy is set (/etc/environment), or remove the proxy"
        for (variables, missing), where in names.items()
    ]


def _is_excluded(text: str, excluded: list[str]) -> bool:
    """Whether an address or network is in a ``no_proxy``, as Go reads it."""
    networks = [network for entry in excluded if (network := _network(entry))]
    return "*" in (entry.strip() for entry in excluded) or any(
        _is_inside(text, network) for network in networks
    )


class FilterModule:
    """Filters of the role's node checks."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {"preflight_address_mistakes": address_mistakes}
