"""What stands in front of the API servers.

An address that the control planes move, or a balancer outside the cluster.

Pure functions over the inventory's nodes and shared variables (docs/how-to/install.md).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedrill.base.model import Node

VIRTUAL, EXTERNAL = "virtual_address", "external"
"""Values of ``cluster_endpoint_kind``; the first where it is not set
(playbooks/group_vars/all.yml)."""

ADDRESSES = {VIRTUAL: "cluster_virtual_address", EXTERNAL: "cluster_external_address"}
"""Kind → the setting that has the API's address."""

BALANCERS = "load_balancers"
"""Group of the host, outside the cluster, that gets a balancer of the roles."""


def kind_of(shared: Mapping[str, Any]) -> str:
    """Tell the kind that the inventory asks for, as it is written.

    >>> kind_of({}), kind_of({"cluster_endpoint_kind": "external"})
    ('virtual_address', 'external')
    """
    return str(shared.get("cluster_endpoint_kind") or VIRTUAL)


def endpoint_mistakes(
    nodes: Sequence[Node], balancers: Sequence[Node], shared: Mapping[str, Any]
) -> list[str]:
    """Everything that is wrong with the endpoint, one sentence each."""
    kind = kind_of(shared)
    if kind not in ADDRESSES:
        return [f"cluster_endpoint_kind is {kind!r}; expected {' or '.join(ADDRESSES)}"]
    setting = ADDRESSES[kind]
    mistakes = _unset(setting, nodes, shared)
    address = str(shared.get(setting) or "")
    if address and not is_address(address):
        mistakes.append(f"{setting} is {address!r}; expected an IP address such as 172.31.77.10")
    owner = next((node.name for node in nodes if node.address == address), None)
    if address and owner:
        mistakes.append(
            f"{setting} {address} is the address of {owner}; choose one that no host has"
        )
    mistakes += [
        f"{other} is set, but cluster_endpoint_kind is {kind}; remove one of them"
        for name, other in ADDRESSES.items()
        if name != kind and any(node.host_vars.get(other) for node in nodes)
    ]
    return mistakes + _balancer_mistakes(kind, address, nodes, balancers)


def _unset(setting: str, nodes: Sequence[Node], shared: Mapping[str, Any]) -> list[str]:
    if shared.get(setting):
        return []
    some = any(node.host_vars.get(setting) for node in nodes)
    return [
        (
            f"{setting} {'differs between hosts' if some else 'is not set'}; set it once, in "
            f"group_vars/cluster.yml"
        )
    ]


def _balancer_mistakes(
    kind: str, address: str, nodes: Sequence[Node], balancers: Sequence[Node]
) -> list[str]:
    inside = {node.name for node in nodes}
    mistakes = [
        f"{node.name}: is in {BALANCERS} and in the cluster; leave it in one of them"
        for node in balancers
        if node.name in inside
    ]
    names = ", ".join(node.name for node in balancers)
    if balancers and kind != EXTERNAL:
        mistakes.append(
            f"group {BALANCERS} has {names}, but cluster_endpoint_kind is {kind}; set it to "
            f"{EXTERNAL}"
        )
    if len(balancers) > 1:
        mistakes.append(
            f"group {BALANCERS} has {names}; expected one host, which has the API's address"
        )
    elif balancers and address and balancers[0].address != address:
        actual = balancers[0].address or "no ansible_host"
        mistakes.append(
            f"{names}: has {actual}, but cluster_external_address is {address}; correct one of them"
        )
    return mistakes


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
