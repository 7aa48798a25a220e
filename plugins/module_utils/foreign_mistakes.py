"""What others have on a node that a cluster cannot be installed beside. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_networks import (
    API_SERVER_PORT,
    PORTS_OF_CONTROL_PLANES,
    PORTS_OF_NODES,
    SSH_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Node = Mapping[str, Any]


def foreign_mistakes(name: str, node: Node, accepted: Mapping[str, Any]) -> Iterator[str]:
    """Name files, container runtimes and clusters of others; ``accepted`` has what may stay."""
    yield from (
        f"{name}: {file['path']} is not kubedrill's, and {file['effect']}: move it elsewhere, or "
        f"add it to preflight_accepted_files"
        for file in node["foreign_files"]
        if file["path"] not in accepted["files"]
    )
    if (runtimes := node["foreign_runtimes"]) and not accepted["container_runtime"]:
        yield (
            f"{name} has another container runtime ({', '.join(runtimes)}), whose place the "
            f"cluster's would take, and Docker's firewall drops the pods' traffic: use a host "
            f"without one, or set preflight_accept_container_runtime to true; then its containers "
            f"and data stay, also at a reset"
        )

    if parts := node["foreign_cluster"]:
        yield (
            f"{name} is part of a cluster that kubedrill did not install ({', '.join(parts)}): "
            f"remove it there with what installed it, such as `kubeadm reset`, or take this node "
            f"out of the inventory"
        )


def taken_ports(name: str, node: Node, expected: Mapping[str, Any]) -> Iterator[str]:
    """Name ports of the cluster at which something listens on a node that has nothing of it."""
    names = {port: PORTS_OF_CONTROL_PLANES[port] for port in PORTS_OF_NODES}
    if name in expected["control_planes"]:
        api_server = int(expected["api_server_port"] or API_SERVER_PORT)
        names = {**PORTS_OF_CONTROL_PLANES, api_server: "the API server"}
        del names[SSH_PORT]
        if expected["virtual_address"]:
            names[int(expected["api_port"])] = "the API's balancer"
    taken = [f"{port} ({names[port]})" for port in node["foreign_ports"] if port in names]
    if taken:
        yield (
            f"{name}: another program listens at TCP {', '.join(taken)}, which the cluster needs: "
            f"stop it (`ss -ltnp` there names it), such as another Kubernetes, or use another host"
        )
