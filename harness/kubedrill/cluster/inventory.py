"""The topology, read from an Ansible inventory with ``ansible-inventory --list`` and nothing else.

Values that hold a template (``{{ inventory_dir }}/keys/cp1``) are resolved by Ansible itself, in
one further call.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.collection_variables import (
    known_variables,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_endpoint import (
    ADDRESSES,
    BALANCERS,
    EXTERNAL,
    NODE_ADDRESS,
    kind_of,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_files import (
    repeated_hosts,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_mistakes import (
    inventory_mistakes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import read_boolean
from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.home import expand_home
from kubedrill.base.model import Node
from kubedrill.base.redact import remember_secrets, secrets_in
from kubedrill.cluster.ansible_vars import (
    READ_PREFIXES,
    holds_template,
    is_vaulted,
    read_inventory,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        try:
            return build_inventory(path, read_inventory(path), repeated_hosts(path))
        except RecursionError:
            raise ConfigErrors(str(path), ["its values are nested too deeply"]) from None

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
        """The version that the inventory asks for, such as "1.35.4"."""
        return str(self.vars["cluster_kubernetes_version"])

    @property
    def bundles(self) -> Path | None:
        """Where this machine has release bundles; None where the inventory does not say.

        Raises:
            UsageError: below the home of a user that there is not.
        """
        source = self.vars.get("cluster_bundles_source")
        return expand_home(str(source), "cluster_bundles_source") if source else None

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


def build_inventory(path: Path, listing: dict[str, Any], repeated: Sequence[str] = ()) -> Inventory:
    """Make an inventory of Ansible's listing: ``_meta.hostvars`` and the groups.

    ``repeated`` names hosts that its files define twice.

    Raises:
        ConfigErrors: with all mistakes at once, in preflight's words.
    """
    meta = listing.get("_meta", {})
    hostvars: dict[str, dict[str, Any]] = meta.get("hostvars", {})
    groups = {group: hosts_of(listing, group) for group in listing if group != "_meta"}
    hosts = {
        name: _readable(hostvars.get(name, {}))
        for name in dict.fromkeys([*groups.get("all", ()), *hostvars])
    }
    roles = {role: groups.get(group, []) for group, role in GROUPS.items()}
    nodes = tuple(
        _machine(name, hostvars, tuple(role for role in roles if name in roles[role]))
        for name in dict.fromkeys(name for names in roles.values() for name in names)
    )
    balancers = tuple(
        _machine(name, hostvars, ("load_balancer",)) for name in groups.get(BALANCERS, ())
    )
    vaulted = frozenset(meta.get("vaulted", ()))
    _remember_secrets((*nodes, *balancers), vaulted)
    mistakes = inventory_mistakes(groups, hosts, repeated, known_variables())
    mistakes += [
        f"host {node.name} has no ansible_host: set it to the node's address, which drills need"
        for node in nodes
        if not node.address
    ]
    if mistakes:
        raise ConfigErrors(str(path), mistakes)
    shared = {
        name: value
        for name, value in (nodes[0].host_vars.items() if nodes else ())
        if all(name in node.host_vars and node.host_vars[name] == value for node in nodes)
    }
    cluster = str(shared.get("cluster_name", path.stem))
    return Inventory(path, cluster, nodes, shared, balancers, vaulted)


def _remember_secrets(machines: Sequence[Node], vaulted: frozenset[str]) -> None:
    """Let nothing that this process writes hold the inventory's secrets, nor the environment's.

    What Ansible Vault held is one, whatever its name. Names, addresses and plain values stay
    readable, though somebody took one for a password.
    """
    variables = [item for machine in machines for item in machine.host_vars.items()]
    hidden = [("secret", value) for name, value in variables if name in vaulted]
    secrets = secrets_in([*variables, *hidden])
    plain = {str(value) for _, value in variables if isinstance(value, str | int)} - secrets
    names = {word for machine in machines for word in (machine.name, machine.address)}
    cluster = {str(value) for name, value in variables if name == "cluster_name"}
    known = secrets | secrets_in(os.environ.items())
    remember_secrets(known, public={*plain, *names, *cluster})


def _readable(variables: dict[str, Any]) -> dict[str, Any]:
    """The variables with None for what was left to Ansible to resolve."""
    return {
        name: value
        if name.startswith(READ_PREFIXES) or not (holds_template(value) or is_vaulted(value))
        else None
        for name, value in variables.items()
    }


def _machine(name: str, hostvars: dict[str, dict[str, Any]], roles: tuple[str, ...]) -> Node:
    variables = hostvars.get(name, {})
    address = variables.get(NODE_ADDRESS) or variables.get("ansible_host") or ""
    return Node(name, str(address), roles, HostVars(variables))


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
