"""What is wrong with an inventory, found without touching a node.

Pure functions: inventory in, list of sentences out. Each sentence says what was found, what was
expected, what to do.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_names import (
    misspelt_variables,
    node_name_mistakes,
    type_mistakes,
    unsafe_mistakes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_networks import (
    API_SERVER_PORT,
    network_mistakes,
    parse_network,
    port_mistakes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

VERSION = re.compile(r"1\.\d+\.\d+")
ENDPOINTS = {"virtual_address": "cluster_virtual_address", "external": "cluster_external_address"}
"""cluster_endpoint_kind → the setting that then has the address of the API."""
SHARED = (
    "cluster_kubernetes_version",
    "cluster_api_port",
    "cluster_node_network",
    "cluster_pod_network",
    "cluster_service_network",
)

LEAST_LEASE_S = 6
"""Two thirds of it, the renew deadline, must be over 1.2 retry periods of 2 s (client-go's leader
election)."""


def inventory_mistakes(
    groups: Mapping[str, Sequence[str]],
    hosts: Mapping[str, Mapping[str, Any]],
    repeated: Iterable[str] = (),
    types: Mapping[str, str] | None = None,
) -> list[str]:
    """List all mistakes of one inventory.

    ``groups`` and ``hosts`` have the shape of Ansible's ``groups`` and ``hostvars``; ``repeated``
    names hosts that the inventory's files define twice, ``types`` has all
    variables that there are.
    """
    members = _members(groups)
    kinds = sorted({_kind(hosts[name]) for name in members if name in hosts}) or ["virtual_address"]
    address_setting = [ENDPOINTS[kinds[0]]] if len(kinds) == 1 and kinds[0] in ENDPOINTS else []
    shared, differing = _shared_settings([*SHARED, *address_setting], members, hosts)
    return [
        *_group_mistakes(groups),
        *(f"host {name} is defined twice: give each node its own name" for name in repeated),
        *node_name_mistakes(members),
        *unsafe_mistakes(hosts, members),
        *misspelt_variables(hosts, types or {}),
        *type_mistakes(hosts, types or {}),
        *_address_mistakes(members, hosts, shared),
        *_kind_mistakes(kinds, members, hosts),
        *_balancer_mistakes(kinds, groups, hosts, shared.get("cluster_external_address")),
        *differing,
        *network_mistakes(shared, len(members)),
        *_port_mistakes(kinds, groups, hosts, shared),
        *_version_mistakes(shared),
        *_lease_mistakes(members, hosts),
    ]


def _members(groups: Mapping[str, Sequence[str]]) -> list[str]:
    named = [
        *groups.get("control_planes", ()),
        *groups.get("workers", ()),
        *groups.get("cluster", ()),
    ]
    return list(dict.fromkeys(named))


def _kind(variables: Mapping[str, Any]) -> str:
    return str(variables.get("cluster_endpoint_kind") or "virtual_address")


def _kind_mistakes(
    kinds: Sequence[str], members: Sequence[str], hosts: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    if len(kinds) > 1:
        return [
            (
                f"cluster_endpoint_kind differs between hosts ({', '.join(kinds)}): set it once, "
                "for group cluster"
            )
        ]
    if kinds[0] not in ENDPOINTS:
        return [f"cluster_endpoint_kind is {kinds[0]!r}: expected {' or '.join(ENDPOINTS)}"]
    return [
        f"cluster_endpoint_kind is {kinds[0]}, and {setting} is set: remove it, or set "
        f"cluster_endpoint_kind to {kind}"
        for kind, setting in ENDPOINTS.items()
        if kind != kinds[0] and any(hosts[name].get(setting) for name in members if name in hosts)
    ]


def _balancer_mistakes(
    kinds: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    hosts: Mapping[str, Mapping[str, Any]],
    address: Any,
) -> list[str]:
    balancers = list(groups.get("load_balancers", ()))
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
    if balancers and kinds == ["virtual_address"]:
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


def _group_mistakes(groups: Mapping[str, Sequence[str]]) -> list[str]:
    planes, workers = list(groups.get("control_planes", ())), list(groups.get("workers", ()))
    known = {"all", "ungrouped", "cluster", "control_planes", "workers", "load_balancers"}
    mistakes = []
    if not planes:
        others = ", ".join(sorted(set(groups) - known)) or "none"
        mistakes.append(
            f"group control_planes has no host (other groups found: {others}): name 1, 3 or 5 "
            f"nodes in control_planes"
        )
    elif len(planes) % 2 == 0:
        mistakes.append(
            f"control_planes has {len(planes)} hosts ({', '.join(planes)}), an even number of etcd "
            f"members: "
            f"expected 1, 3 or 5, as {len(planes)} survive no more losses than {len(planes) - 1}; "
            f"add or remove one"
        )
    mistakes += [
        f"host {name} is in control_planes and in workers: put it in one of them"
        for name in planes
        if name in workers
    ]
    inside = {*planes, *workers}
    mistakes += [
        f"host {name} is in group cluster, but in neither control_planes nor workers: put it in "
        f"one of them"
        for name in groups.get("cluster", ())
        if name not in inside
    ]
    mistakes += [
        f"host {name} is in group {group}, but not in group cluster: make {group} a child of "
        f"cluster"
        for group in ("control_planes", "workers")
        for name in groups.get(group, ())
        if name not in groups.get("cluster", ())
    ]
    everyone = {name: group for group, names in groups.items() if group != "all" for name in names}
    mistakes += [
        f"host {name} is in {'no group' if group == 'ungrouped' else f'group {group} only'}, so it "
        f"has no part in the "
        "cluster: put it in control_planes or workers, or in another inventory"
        for name, group in everyone.items()
        if name
        not in {"localhost", *inside, *groups.get("cluster", ()), *groups.get("load_balancers", ())}
    ]
    return mistakes


def _address_mistakes(
    members: Iterable[str], hosts: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any]
) -> list[str]:
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
        parsed = _ip(address)
        if parsed and network and parsed.version == network.version and parsed not in network:
            mistakes.append(
                f"host {names[0]} has address {address}, outside cluster_node_network {network}: "
                f"correct one of them"
            )
    return [
        *mistakes,
        *_virtual_address_mistakes(by_address, network, shared.get("cluster_virtual_address")),
        *_external_address_mistakes(by_address, shared.get("cluster_external_address")),
    ]


def _external_address_mistakes(by_address: Mapping[str, list[str]], external: Any) -> list[str]:
    if external is None:
        return []
    if _ip(str(external)) is None:
        why = "so that neither the cluster nor what measures it depends on a name server"
        return [
            (
                f"cluster_external_address is {external!r}, not an IP address: give one instead "
                f"of a name, {why}"
            )
        ]
    return [
        f"cluster_external_address {external} is the address of {name}: give that of a balancer "
        f"outside the cluster"
        for name in by_address.get(str(external), ())
    ]


def _virtual_address_mistakes(
    by_address: Mapping[str, list[str]], network: Any, virtual: Any
) -> list[str]:
    if virtual is None:
        return []
    parsed = _ip(str(virtual))
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
    return mistakes


def _shared_settings(
    settings: Iterable[str], members: Iterable[str], hosts: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    shared: dict[str, Any] = {}
    mistakes = []
    for setting in settings:
        values: dict[str, list[str]] = defaultdict(list)
        for name in members:
            value = hosts[name].get(setting) if name in hosts else None
            values["" if value is None else str(value)].append(name)
        values_set = {value: names for value, names in values.items() if value}
        if len(values_set) > 1:
            actual = "; ".join(
                f"{value} on {', '.join(names)}" for value, names in values_set.items()
            )
            mistakes.append(
                f"{setting} differs between hosts ({actual}): set it once, for group cluster"
            )
        elif values.get(""):
            mistakes.append(
                f"{setting} is not set for {', '.join(values[''])}: set it for group cluster"
            )
        if len(values_set) == 1:
            shared[setting] = next(iter(values_set))
    return shared, mistakes


def _port_mistakes(
    kinds: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    hosts: Mapping[str, Mapping[str, Any]],
    shared: Mapping[str, Any],
) -> list[str]:
    if "cluster_api_port" not in shared or kinds != ["virtual_address"]:
        return []
    planes = [hosts[name] for name in groups.get("control_planes", ()) if name in hosts]
    ports = {str(plane.get("control_plane_api_port", API_SERVER_PORT)) for plane in planes}
    return port_mistakes(shared["cluster_api_port"], sorted(ports))


def _version_mistakes(shared: Mapping[str, Any]) -> list[str]:
    version = shared.get("cluster_kubernetes_version")
    if version is None or VERSION.fullmatch(str(version)):
        return []
    return [f"cluster_kubernetes_version is {version!r}: expected a full version such as 1.35.4"]


def _lease_mistakes(members: Sequence[str], hosts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    setting = "control_plane_lease_duration"
    actual = {str(hosts[name][setting]) for name in members if setting in hosts.get(name, {})}
    return [
        f"{setting} is {text!r}: expected whole seconds, {LEAST_LEASE_S} or more"
        for text in sorted(actual)
        if not text.isdecimal() or int(text) < LEAST_LEASE_S
    ]


def _address(name: str, hosts: Mapping[str, Mapping[str, Any]]) -> str:
    address = hosts[name].get("ansible_host") if name in hosts else None
    return str(address or name)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def report(mistakes: Sequence[str], where: str) -> str:
    """Say all mistakes in one message.

    >>> print(report(["cp1: no sudo"], "the nodes"))
    the nodes: 1 mistake, nothing was changed:
      - cp1: no sudo
    """
    count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
    return "\n".join(
        [f"{where}: {count}, nothing was changed:", *(f"  - {mistake}" for mistake in mistakes)]
    )


class FilterModule:
    """Filters of the role's inventory checks."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {"preflight_inventory_mistakes": inventory_mistakes, "preflight_report": report}
