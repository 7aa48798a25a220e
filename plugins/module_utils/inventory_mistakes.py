"""What is wrong with an inventory, found without touching a node.

Pure functions, used by preflight and by the harness: inventory in, list of sentences out. Each
sentence says what was found, what was expected, what to do.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_endpoint import (
    ADDRESSES,
    BALANCERS,
    address_mistakes,
    api_port_mistakes,
    balancer_mistakes,
    kind_mistakes,
    kind_of,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_names import (
    misspelt_variables,
    node_name_mistakes,
    type_mistakes,
    unsafe_name_mistakes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_networks import (
    network_mistakes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_settings import (
    setting_mistakes,
    uniform_mistakes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    connection_mistakes,
    read_boolean,
    security_mistakes,
    value_mistakes,
    version_mistakes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kubeadm_settings import (
    settings_mistakes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ACCEPT_EVEN = "cluster_accept_even_control_planes"
OTHER_GROUPS = "cluster_other_groups"
SHARED = (
    "cluster_kubernetes_version",
    "cluster_api_port",
    "cluster_node_network",
    "cluster_pod_network",
    "cluster_service_network",
)
"""Settings that all nodes must have alike."""
_HEAD, _TAIL = 600, 300
"""Characters that are left of a mistake's begin and end: the value stands between them."""


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
    kinds = sorted({kind_of(hosts[name]) for name in members if name in hosts}) or [kind_of({})]
    address_setting = [ADDRESSES[kinds[0]]] if len(kinds) == 1 and kinds[0] in ADDRESSES else []
    other_groups, other_mistakes = _other_groups(members, hosts)
    shared, differing = _shared_settings([*SHARED, *address_setting], members, hosts)
    mistakes = [
        *_number_mistakes(groups.get("control_planes", ()), hosts),
        *_group_mistakes(groups, other_groups),
        *other_mistakes,
        *(f"host {name} is defined twice: give each node its own name" for name in repeated),
        *node_name_mistakes(members),
        *unsafe_name_mistakes(hosts, members),
        *misspelt_variables(hosts, types or {}),
        *type_mistakes(hosts, types or {}),
        *setting_mistakes(hosts, types or {}),
        *uniform_mistakes(members, hosts),
        *address_mistakes(members, hosts, shared),
        *kind_mistakes(kinds, members, hosts),
        *balancer_mistakes(kinds, groups, hosts, shared.get("cluster_external_address")),
        *differing,
        *network_mistakes(shared, len(members)),
        *api_port_mistakes(kinds, groups, hosts, shared),
        *version_mistakes(shared.get("cluster_kubernetes_version")),
        *connection_mistakes([*members, *groups.get(BALANCERS, ())], hosts),
        *value_mistakes(members, hosts),
        *security_mistakes(members, hosts, shared.get("cluster_kubernetes_version")),
        *settings_mistakes(members, hosts),
    ]
    return [shorten_mistake(mistake) for mistake in mistakes]


def shorten_mistake(text: str) -> str:
    """Leave out the middle of a mistake that quotes a value of thousands of characters.

    >>> shorten_mistake("a")
    'a'
    """
    if len(text) <= _HEAD + _TAIL:
        return text
    return f"{text[:_HEAD]} … {text[-_TAIL:]}"


def _members(groups: Mapping[str, Sequence[str]]) -> list[str]:
    named = [
        *groups.get("control_planes", ()),
        *groups.get("workers", ()),
        *groups.get("cluster", ()),
    ]
    return list(dict.fromkeys(named))


def _number_mistakes(planes: Sequence[str], hosts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say why an even number of control planes is no gain, unless it was asked for."""
    count = len(planes)
    asked = [hosts[name].get(ACCEPT_EVEN) for name in planes if name in hosts]
    if not count or count % 2 or (asked and all(read_boolean(value) for value in asked)):
        return []
    majority = count // 2 + 1
    mistake = (
        f"control_planes has {count} hosts ({', '.join(planes)}), an even number of etcd "
        f"members: expected 1, 3 or 5, as {count} survive no more losses than {count - 1} "
        f"(a majority of {count} is {majority}, so {count - majority} may be lost; of {count - 1} "
        f"it is {count // 2}); add or remove one, or set {ACCEPT_EVEN} to true"
    )
    return [mistake]


def _other_groups(
    members: Iterable[str], hosts: Mapping[str, Mapping[str, Any]]
) -> tuple[set[str], list[str]]:
    """Names of the groups that have no part in the cluster, and what is no list of them."""
    values = [hosts[name].get(OTHER_GROUPS) or [] for name in members if name in hosts]
    lists = [value for value in values if isinstance(value, (list, tuple))]
    wrong = {repr(value) for value in values if not isinstance(value, (list, tuple))}
    expected = "expected a list of groups, such as [bastion]"
    mistakes = [f"{OTHER_GROUPS} is {value}: {expected}" for value in sorted(wrong)]
    return {str(group) for value in lists for group in value}, mistakes


def _group_mistakes(groups: Mapping[str, Sequence[str]], others: Iterable[str]) -> list[str]:
    planes, workers = list(groups.get("control_planes", ())), list(groups.get("workers", ()))
    known = {"all", "ungrouped", "cluster", "control_planes", "workers", "load_balancers"}
    mistakes = []
    if not planes:
        unknown = ", ".join(sorted(set(groups) - known)) or "none"
        mistakes.append(
            f"group control_planes has no host (other groups found: {unknown}): name 1, 3 or 5 "
            f"nodes in control_planes"
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
    placed = {"localhost", *inside, *groups.get("cluster", ()), *groups.get(BALANCERS, ())}
    placed |= {name for group in others for name in groups.get(group, ())}
    elsewhere: dict[str, list[str]] = defaultdict(list)
    for group in sorted(set(groups) - {"all", "ungrouped"}):
        for name in groups[group]:
            elsewhere[name].append(group)
    mistakes += [
        f"host {name} is in {_only(elsewhere[name])}, so it has no part in the cluster: put it in "
        f"control_planes or workers, or name its group in {OTHER_GROUPS}"
        for name in dict.fromkeys(name for names in groups.values() for name in names)
        if name not in placed
    ]
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


def _only(groups: Sequence[str]) -> str:
    if not groups:
        return "no group"
    return f"group{'s' if groups[1:] else ''} {', '.join(groups)} only"
