"""The topology, read from an Ansible inventory with ``ansible-inventory --list`` and nothing else.

Values that hold a template (``{{ inventory_dir }}/keys/cp1``) are resolved by Ansible itself, in
one further call.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.model import Node
from kubedrill.cluster.ansible_vars import read_inventory
from kubedrill.cluster.endpoint import ADDRESSES, BALANCERS, EXTERNAL, endpoint_mistakes, kind_of
from kubedrill.cluster.inventory_values import (
    cluster_name_mistakes,
    drills_allowed_mistakes,
    host_mistakes,
    read_boolean,
)

GROUPS = {"control_planes": "control_plane", "workers": "worker"}
"""Group of the inventory → role of a :class:`~kubedrill.base.model.Node`."""

DEFAULT_API_PORT = 8443
"""Where the balancer in front of the API servers listens (docs/explanation/architecture.md)."""


class HostVars(dict[str, Any]):
    """Variables of a host; printed as their names only, because values may be passwords."""

    def __repr__(self) -> str:
        return f"<variables {', '.join(sorted(self))}>"


@dataclass(frozen=True)
class Inventory:
    """The nodes of one cluster and the variables that they share.

    ``vars`` holds the variables that all nodes have in common (``cluster_*``, ``drills_allowed``);
    what differs by node is in :attr:`Node.host_vars`. Neither is shown by ``repr``: they may hold
    passwords. ``load_balancers`` are hosts outside the cluster, one at most; they are no nodes.
    ``vaulted`` names the variables that Ansible Vault held, whose values are plain here.
    """

    path: Path
    name: str
    nodes: tuple[Node, ...]
    vars: dict[str, Any] = field(repr=False)
    load_balancers: tuple[Node, ...] = ()
    vaulted: frozenset[str] = frozenset()

    @staticmethod
    def load(path: str | Path) -> Inventory:
        """Read an inventory.

        Raises:
            ConfigErrors: it cannot be read or holds mistakes; all are listed.
        """
        path = Path(path)
        if not path.exists():
            raise ConfigErrors(
                str(path),
                ["no such file or directory; give an Ansible inventory (--inventory PATH)"],
            )
        return build_inventory(path, read_inventory(path))

    @cached_property
    def control_planes(self) -> tuple[Node, ...]:
        """Nodes of the group ``control_planes``, in the inventory's order."""
        return tuple(node for node in self.nodes if node.is_control_plane)

    @cached_property
    def workers(self) -> tuple[Node, ...]:
        """Nodes of the group ``workers``, in the inventory's order."""
        return tuple(node for node in self.nodes if "worker" in node.roles)

    @property
    def machines(self) -> tuple[Node, ...]:
        """Every host that is reached by SSH: the nodes, and load balancers outside the cluster."""
        return (*self.nodes, *self.load_balancers)

    @property
    def variables(self) -> list[tuple[str, Any]]:
        """Name and value of every variable of the inventory, shared ones and each machine's own.

        May hold passwords.
        """
        return [
            *self.vars.items(),
            *(item for machine in self.machines for item in machine.host_vars.items()),
        ]

    @property
    def external(self) -> bool:
        """Whether a balancer outside the cluster stands in front of the API servers.

        No node has a virtual address.
        """
        return kind_of(self.vars) == EXTERNAL

    @property
    def endpoint_address(self) -> str:
        """The one address in front of all API servers, where node ports answer too."""
        return str(self.vars[ADDRESSES[kind_of(self.vars)]])

    @property
    def api_port(self) -> int:
        """TCP port of the API on :attr:`endpoint_address`."""
        return int(self.vars.get("cluster_api_port", DEFAULT_API_PORT))

    @property
    def api_url(self) -> str:
        """URL of the API through its one address."""
        address = ipaddress.ip_address(self.endpoint_address)
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"https://{host}:{self.api_port}"

    @property
    def kubernetes_version(self) -> str:
        """The version that the inventory asks for, without a leading ``v``: "1.35.4"."""
        return str(self.vars["cluster_kubernetes_version"]).removeprefix("v")

    @property
    def drills_allowed(self) -> bool:
        """Whether the owner of the cluster allowed drills on it."""
        return read_boolean(self.vars.get("drills_allowed")) is True

    def node(self, name: str) -> Node:
        """Return a node, or a load balancer, by name.

        Raises:
            UsageError: the inventory has no such host; the message lists those it has.
        """
        for node in self.machines:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise UsageError(
            f"{self.path} has no host {name!r}; expected one of: {known}. Name one of them."
        )


def build_inventory(path: Path, listing: dict[str, Any]) -> Inventory:
    """Make an inventory of Ansible's listing: ``_meta.hostvars`` and the groups.

    Raises:
        ConfigErrors: with all mistakes at once.
    """
    hostvars: dict[str, dict[str, Any]] = listing.get("_meta", {}).get("hostvars", {})
    roles = {group: hosts_of(listing, group) for group in GROUPS}
    names = list(dict.fromkeys(name for group in GROUPS for name in roles[group]))
    nodes = tuple(
        Node(
            name,
            str(host_vars.get("ansible_host") or ""),
            tuple(role for group, role in GROUPS.items() if name in roles[group]),
            HostVars(host_vars),
        )
        for name in names
        for host_vars in [hostvars.get(name, {})]
    )
    balancers = tuple(
        Node(
            name, str(host_vars.get("ansible_host") or ""), ("load_balancer",), HostVars(host_vars)
        )
        for name in hosts_of(listing, BALANCERS)
        for host_vars in [hostvars.get(name, {})]
    )
    shared = _shared([node.host_vars for node in nodes])
    cluster = str(shared.get("cluster_name", path.stem))
    mistakes = [
        *cluster_name_mistakes(cluster),
        *(mistake for machine in (*nodes, *balancers) for mistake in host_mistakes(machine)),
        *_group_mistakes(listing, roles),
        *_node_mistakes(nodes),
        *_shared_mistakes(nodes, balancers, shared),
    ]
    if mistakes:
        raise ConfigErrors(str(path), mistakes)
    vaulted = frozenset(listing.get("_meta", {}).get("vaulted", ()))
    return Inventory(path, cluster, nodes, shared, balancers, vaulted)


def hosts_of(listing: dict[str, Any], group: str) -> list[str]:
    """All hosts of a group and of its children, in the inventory's order, each once.

    >>> hosts_of({"all": {"children": ["b"]}, "b": {"hosts": ["h1", "h2"]}}, "all")
    ['h1', 'h2']
    """
    hosts: dict[str, None] = {}
    todo, seen = [group], set()
    while todo:
        name = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        entry = listing.get(name, {})
        hosts.update(dict.fromkeys(entry.get("hosts", [])))
        todo.extend(entry.get("children", []))
    return list(hosts)


def _shared(all_vars: list[dict[str, Any]]) -> dict[str, Any]:
    if not all_vars:
        return {}
    first, *others = all_vars
    return {k: v for k, v in first.items() if all(k in other and other[k] == v for other in others)}


def _group_mistakes(listing: dict[str, Any], roles: dict[str, list[str]]) -> list[str]:
    mistakes = []
    if not roles["control_planes"]:
        known = (
            ", ".join(sorted(name for name in listing if name not in ("_meta", "all", "ungrouped")))
            or "none"
        )
        mistakes.append(
            f"group control_planes has no hosts; put at least one there (groups found: {known})"
        )
    inside = set(hosts_of(listing, "cluster"))
    outside = [name for group in GROUPS for name in roles[group] if name not in inside]
    if outside:
        mistakes.append(
            f"not in group cluster: {', '.join(outside)}; make control_planes and workers "
            f"children "
            f"of cluster"
        )
    placed = {*hosts_of(listing, BALANCERS), *(name for hosts in roles.values() for name in hosts)}
    stray = [name for name in hosts_of(listing, "all") if name not in placed]
    mistakes += [
        f"{name}: is in neither control_planes nor workers; put it into one of them"
        for name in stray
    ]
    both = [name for name in roles["control_planes"] if name in roles["workers"]]
    mistakes += [
        f"{name}: is in control_planes and in workers; leave it in one of them" for name in both
    ]
    return mistakes


def _node_mistakes(nodes: tuple[Node, ...]) -> list[str]:
    mistakes = [
        f"{node.name}: has no ansible_host; set it to the node's address"
        for node in nodes
        if not node.address
    ]
    seen: dict[str, str] = {}
    for node in nodes:
        if node.address and node.address in seen:
            mistakes.append(
                f"{node.name}: has the address {node.address} of {seen[node.address]}; each needs "
                f"its own"
            )
        seen.setdefault(node.address, node.name)
    mistakes += [
        f"{node.name}: has only one of power_off and power_on; set both or neither"
        for node in nodes
        if ("power_off" in node.host_vars) != ("power_on" in node.host_vars)
    ]
    return mistakes


def _shared_mistakes(
    nodes: tuple[Node, ...], balancers: tuple[Node, ...], shared: dict[str, Any]
) -> list[str]:
    if not nodes:
        return []
    mistakes = []
    for name in ("cluster_endpoint_kind", "cluster_kubernetes_version"):
        if name not in shared:
            some = any(name in node.host_vars for node in nodes)
            problem = "differs between hosts" if some else "is not set"
            if some or name != "cluster_endpoint_kind":
                mistakes.append(f"{name} {problem}; set it once, in group_vars/cluster.yml")
    mistakes += drills_allowed_mistakes(nodes)
    mistakes += endpoint_mistakes(nodes, balancers, shared)
    port = shared.get("cluster_api_port", DEFAULT_API_PORT)
    if not str(port).isdigit() or not 0 < int(port) < 65536:
        mistakes.append(f"cluster_api_port is {port!r}; expected a TCP port, 1 to 65535")
    return mistakes
