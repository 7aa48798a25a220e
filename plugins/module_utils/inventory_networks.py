"""What is too small, too large or taken twice in an inventory's networks and ports."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import is_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NETWORKS = ("cluster_node_network", "cluster_pod_network", "cluster_service_network")
NODE_PREFIX = 24
"""Length of each node's part of the pod network, kube-controller-manager's default."""
LARGEST_SERVICE_PREFIX, SMALLEST_SERVICE_PREFIX = 12, 28
"""kubeadm takes no more than 20 bits of addresses, and no fewer than ten; DNS gets the tenth."""
API_SERVER_PORT = 6443
NODE_PORTS = range(30000, 32768)
"""kube-apiserver's default --service-node-port-range."""
SSH_PORT = 22
PORTS_OF_NODES = (10248, 10249, 10250, 10256)
"""Those of the following that workers have too."""
PORTS_OF_CONTROL_PLANES = {
    SSH_PORT: "the SSH server",
    2379: "etcd",
    2380: "etcd",
    2381: "etcd",
    8404: "the balancer's own check",
    10248: "the kubelet's health",
    10249: "kube-proxy's metrics",
    10250: "the kubelet",
    10256: "kube-proxy",
    10257: "the controller manager",
    10259: "the scheduler",
}


def network_mistakes(shared: Mapping[str, Any], nodes: int) -> list[str]:
    """List what is wrong with the networks, of which each node needs a part."""
    mistakes, parsed = [], {}
    for setting in NETWORKS:
        if setting not in shared:
            continue
        network = parse_network(shared[setting])
        if network is None:
            mistakes.append(
                f"{setting} is {shared[setting]!r}, not a network: write it as 10.244.0.0/16"
            )
        else:
            parsed[setting] = network
    mistakes += [
        f"{one} {parsed[one]} and {other} {parsed[other]} overlap: choose networks that have no "
        f"address in common"
        for one, other in combinations(parsed, 2)
        if parsed[one].overlaps(parsed[other])
    ]
    mistakes += [
        f"{setting} {network} is of {kind} addresses, which no other host is reached at: choose "
        f"one of a private network, such as 10.244.0.0/16"
        for setting, network in parsed.items()
        if setting != "cluster_node_network"  # its addresses are those that nodes have
        for kind in ("loopback", "link_local", "multicast")
        if getattr(network, f"is_{kind}")
    ]
    return mistakes + _size_mistakes(parsed, nodes)


def parse_network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network that a text is, or None."""
    if "%" in str(text):  # a zone, for which Python takes any text
        return None
    try:
        return ipaddress.ip_network(str(text))
    except ValueError:
        return None


def _size_mistakes(networks: Mapping[str, Any], nodes: int) -> list[str]:
    """Say which networks have another size than the cluster needs.

    ``networks`` maps the names of settings to what :mod:`ipaddress` made of their values.
    """
    mistakes = [
        f"{setting} {network} is of IPv6: this collection sets up clusters of IPv4 only"
        for setting, network in networks.items()
        if network.version == 6
    ]
    pods, services = networks.get("cluster_pod_network"), networks.get("cluster_service_network")
    if isinstance(pods, ipaddress.IPv4Network) and (room := _rooms(pods)) < nodes:
        needed = NODE_PREFIX - (nodes - 1).bit_length()
        mistakes.append(
            f"cluster_pod_network {pods} has room for {room} nodes (each gets a /{NODE_PREFIX}), "
            f"the inventory has {nodes}: choose a /{needed} or a larger one"
        )
    if isinstance(services, ipaddress.IPv4Network) and not (
        LARGEST_SERVICE_PREFIX <= services.prefixlen <= SMALLEST_SERVICE_PREFIX
    ):
        mistakes.append(
            f"cluster_service_network {services} has {services.num_addresses} addresses: "
            f"Kubernetes takes a /{LARGEST_SERVICE_PREFIX} to a /{SMALLEST_SERVICE_PREFIX}"
        )
    return mistakes


def _rooms(pods: ipaddress.IPv4Network) -> int:
    return 2 ** (NODE_PREFIX - pods.prefixlen) if pods.prefixlen <= NODE_PREFIX else 0


def port_mistakes(port: Any, api_server_ports: Sequence[str]) -> list[str]:
    """Say what is wrong with the API's port.

    ``api_server_ports`` are those of the API servers on hosts where the port is listened on too:
    with a virtual address, all control planes.
    """
    text = str(port)
    if not is_port(text):
        return [f"cluster_api_port is {text!r}: expected a port, 1 to 65535, such as 8443"]
    others = {str(number): name for number, name in PORTS_OF_CONTROL_PLANES.items()}
    others.update({str(number): "Services of type NodePort" for number in NODE_PORTS})
    others.update(dict.fromkeys(api_server_ports, "the API server itself"))
    if not api_server_ports or text not in others:
        return []
    where = "on every control plane, where the balancer of the virtual address listens too"
    return [f"cluster_api_port {text} is the port of {others[text]} {where}: choose another one"]
