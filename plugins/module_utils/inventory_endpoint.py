"""What is wrong with the addresses of an inventory and with what stands in front of the API."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_networks import (
    API_SERVER_PORT,
    parse_network,
    port_mistakes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import parse_ip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Groups = Mapping[str, Sequence[str]]
    Hosts = Mapping[str, Mapping[str, Any]]

VIRTUAL, EXTERNAL = "virtual_address", "external"
"""Values of ``cluster_endpoint_kind``; the first where it is not set
(playbooks/group_vars/all.yml)."""

ADDRESSES = {VIRTUAL: "cluster_virtual_address", EXTERNAL: "cluster_external_address"}
"""Kind → the setting that has the API's address."""

NODE_ADDRESS = "cluster_node_address"
"""Setting of a node that Ansible reaches at another address than other nodes do."""

BALANCERS = "load_balancers"
"""Group of the host, outside the cluster, that gets a balancer of the roles."""


def kind_of(variables: Mapping[str, Any]) -> str:
    """Return the kind that the variables ask for, as it is written.

    >>> kind_of({}), kind_of({"cluster_endpoint_kind": "external"})
    ('virtual_address', 'external')
    """
    return str(variables.get("cluster_endpoint_kind") or VIRTUAL)


def kind_mistakes(kinds: Sequence[str], members: Sequence[str], hosts: Hosts) -> list[str]:
    """Say where the hosts ask for several kinds, an unknown one, or for both addresses."""
    if len(kinds) > 1:
        return [
            (
                f"cluster_endpoint_kind differs between hosts ({', '.join(kinds)}): set it once, "
                "for group cluster"
            )
        ]
    if kinds[0] not in ADDRESSES:
        return [f"cluster_endpoint_kind is {kinds[0]!r}: expected {' or '.join(ADDRESSES)}"]
    return [
        f"cluster_endpoint_kind is {kinds[0]}, and {setting} is set: remove it, or set "
        f"cluster_endpoint_kind to {kind}"
        for kind, setting in ADDRESSES.items()
        if kind != kinds[0] and any(hosts[name].get(setting) for name in members if name in hosts)
    ]


def balancer_mistakes(
    kinds: Sequence[str],
    groups: Groups,
    hosts: Hosts,
    address: Any,
) -> list[str]:
    """Say what is wrong with the group of load balancers, given the external address."""
    balancers = list(groups.get(BALANCERS, ()))
    inside = {
        *groups.get("control_planes", ()),
        *groups.get("workers", ()),
        *groups.get("cluster", ()),
    }
    mistakes = [
        f"host {name} is in load_balancers and in the cluster: a load balancer stands outside, on "
        f"a machine of its own"
        for name in balancers
        if name in inside
    ]
    if balancers and kinds == [VIRTUAL]:
        mistakes.append(
            f"group load_balancers has {', '.join(balancers)}, and cluster_endpoint_kind is "
            f"virtual_address, which "
            "needs none: set cluster_endpoint_kind to external, or remove the group"
        )
    if len(balancers) > 1:
        mistakes.append(
            f"load_balancers has {len(balancers)} hosts ({', '.join(balancers)}): expected one, as "
            f"the API has one "
            "address; where several of yours share one, give that address only, without the group"
        )
    if (
        len(balancers) == 1
        and address is not None
        and (actual := _address(balancers[0], hosts)) != str(address)
    ):
        mistakes.append(
            f"cluster_external_address is {address}, {balancers[0]} of load_balancers has "
            f"{actual}: correct one of them"
        )
    return mistakes


def address_mistakes(members: Iterable[str], hosts: Hosts, shared: Mapping[str, Any]) -> list[str]:
    """Say which addresses are taken twice, or lie outside the nodes' network."""
    by_address: dict[str, list[str]] = defaultdict(list)
    for name in members:
        by_address[_address(name, hosts)].append(name)
    mistakes = [
        f"hosts {', '.join(names)} have the same address {address}: give each node its own"
        for address, names in by_address.items()
        if len(names) > 1
    ]
    network = parse_network(shared.get("cluster_node_network"))
    for address, names in by_address.items():
        parsed = parse_ip(address)
        if parsed and network and parsed.version != network.version:
            if any(hosts.get(name, {}).get(NODE_ADDRESS) for name in names):
                mistakes.append(
                    f"{NODE_ADDRESS} of {names[0]} is {address}, of IPv{parsed.version}, and "
                    f"cluster_node_network {network} is not: give its address in that network"
                )
        elif parsed and network and parsed not in network:
            mistakes.append(
                f"host {names[0]} has address {address}, outside cluster_node_network {network}: "
                f"correct one of them"
            )
        elif reserved := _reserved(parsed, network):
            mistakes.append(
                f"host {names[0]} has address {address}, the {reserved} of cluster_node_network "
                f"{network}: correct one of them"
            )
    return [
        *mistakes,
        *_virtual_address_mistakes(by_address, network, shared.get("cluster_virtual_address")),
        *_external_address_mistakes(by_address, shared),
    ]


def _external_address_mistakes(
    by_address: Mapping[str, list[str]], shared: Mapping[str, Any]
) -> list[str]:
    external = shared.get("cluster_external_address")
    if external is None:
        return []
    parsed = parse_ip(str(external))
    if parsed is None:
        why = "so that neither the cluster nor what measures it depends on a name server"
        return [
            (
                f"cluster_external_address is {external!r}, not an IP address: give one instead "
                f"of a name, {why}"
            )
        ]
    nodes = [parse_ip(address) for address in by_address]
    on_one_host = all(node is not None and node.is_loopback for node in nodes)
    if (parsed.is_loopback and not on_one_host) or parsed.is_unspecified or parsed.is_multicast:
        return [
            (
                f"cluster_external_address is {external}, at which no node reaches another host: "
                "give that of a balancer outside the cluster"
            )
        ]
    networks = {
        name: parse_network(shared.get(name))
        for name in ("cluster_pod_network", "cluster_service_network")
    }
    return [
        f"cluster_external_address {external} is the address of {name}: give that of a balancer "
        f"outside the cluster"
        for name in by_address.get(str(external), ())
    ] + [
        f"cluster_external_address {external} is inside {name} {network}: choose a network that "
        f"has none of your addresses"
        for name, network in networks.items()
        if network and parsed in network
    ]


def _virtual_address_mistakes(
    by_address: Mapping[str, list[str]], network: Any, virtual: Any
) -> list[str]:
    if virtual is None:
        return []
    parsed = parse_ip(str(virtual))
    if parsed is None:
        return [
            (
                f"cluster_virtual_address is {virtual!r}, not an IP address: set a free address "
                "of the nodes' network"
            )
        ]
    mistakes = []
    if str(virtual) in by_address:
        mistakes.append(
            f"cluster_virtual_address {virtual} is the address of {by_address[str(virtual)][0]}: "
            "choose a free address of the nodes' network"
        )
    if network and parsed not in network:
        mistakes.append(
            f"cluster_virtual_address {virtual} is outside cluster_node_network {network}: "
            "choose a free address inside it, the control planes move it between them on that "
            "network"
        )
    if reserved := _reserved(parsed, network):
        mistakes.append(
            f"cluster_virtual_address {virtual} is the {reserved} of cluster_node_network "
            f"{network}: choose a free address inside it"
        )
    return mistakes


def _reserved(address: Any, network: Any) -> str:
    """Return what an address is that no host of an IPv4 network can have; "" for any other one."""
    if not network or network.version != 4 or network.prefixlen > 30:
        return ""
    names = {
        network.network_address: "network address",
        network.broadcast_address: "broadcast address",
    }
    return names.get(address, "")


def api_port_mistakes(
    kinds: Sequence[str],
    groups: Groups,
    hosts: Hosts,
    shared: Mapping[str, Any],
) -> list[str]:
    """Say what is wrong with the API's port, which a balancer outside may share with nobody."""
    if "cluster_api_port" not in shared:
        return []
    planes = [hosts[name] for name in groups.get("control_planes", ()) if name in hosts]
    ports = {str(plane.get("control_plane_api_port", API_SERVER_PORT)) for plane in planes}
    if kinds != [VIRTUAL]:
        ports = set()  # the balancer listens elsewhere
    return port_mistakes(shared["cluster_api_port"], sorted(ports))


def _address(name: str, hosts: Hosts) -> str:
    variables = hosts.get(name, {})
    return str(variables.get(NODE_ADDRESS) or variables.get("ansible_host") or name)
