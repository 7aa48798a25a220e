"""What is wrong with the nodes and with the cluster that they may already be.

Pure functions: what preflight_node read on each node in, list of sentences out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.distributions import (
    is_supported,
    supported_names,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.foreign_mistakes import (
    foreign_mistakes,
    taken_ports,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import (
    OLDEST_PYTHON,
    parse_version,
    upgrade_problem,
)

Node = Mapping[str, Any]
Nodes = Mapping[str, Node]
TROUBLES = {
    "unreachable": "{name} cannot be reached over SSH ({why}): start the node, or correct "
    "ansible_host, its port or its key",
    "no_root": "{name}: no sudo ({why}): let the user of ansible_user become root without a "
    "password, or set ansible_become_password",
    "no_python": "{name} has no Python 3 ({why}): install python3 or set "
    "ansible_python_interpreter",
    "old_python": "{name} has Python {why}, expected "
    + ".".join(map(str, OLDEST_PYTHON))
    + " or newer: install one and set ansible_python_interpreter",
    "failed": "{name} could not be looked at ({why})",
}


def node_mistakes(nodes: Nodes, expected: Mapping[str, Any]) -> list[str]:
    """List all mistakes of all nodes.

    ``nodes`` maps names to what preflight_node returned. ``expected`` has ``control_planes``,
    ``limits`` (the role's preflight_* settings without that prefix), ``accepted`` (``files`` and
    ``container_runtime`` of others that may stay, any ``distribution``), ``virtual_address``,
    ``api_port``, ``api_server_port`` ("" for the default), ``architecture``, ``version``,
    ``security_profile``, ``purpose``, ``check_mode``, ``all_control_planes_seen``, ``addresses``
    (names to cluster_node_address), and ``again``: names
    to what preflight_node returned at a second look, where several held the virtual address.
    """
    seen = {name: node for name, node in nodes.items() if "trouble" not in node}
    mistakes = list_troubles(nodes)
    for name, node in seen.items():
        mistakes += list(_machine_mistakes(name, node, expected))
    if not expected["accepted"]["distribution"]:
        mistakes += _distribution_mistakes(seen)
    mistakes += _lost_addresses(seen, expected["addresses"])
    mistakes += _same_machines(seen)
    mistakes += _stranger_at_virtual_address(seen, expected)
    mistakes += _several_holders(expected)
    mistakes += _cluster_mistakes(seen, expected)
    return mistakes


def list_troubles(nodes: Nodes) -> list[str]:
    """Say of the nodes that preflight_node could not inspect why, and what to do."""
    return [
        TROUBLES[node["trouble"]].format(name=name, why=node.get("why", "no reason given").strip())
        for name, node in nodes.items()
        if "trouble" in node
    ]


def _distribution_mistakes(nodes: Nodes) -> list[str]:
    """Name what no role was made for, before a node joins: one that has runs already."""
    fresh = {name: node for name, node in nodes.items() if not node["joined"]}
    unknown = _grouped(
        {name: node for name, node in fresh.items() if not is_supported(node["distribution"])},
        lambda node: node["distribution"]["name"],
    )
    return [
        f"{', '.join(names)} run{'' if names[1:] else 's'} {system}: expected one of "
        f"{supported_names()}; to try it all the same, set preflight_accept_distribution to true"
        for system, names in unknown.items()
    ]


def balancer_mistakes(
    balancers: Nodes, nodes: Nodes, address: str, *, accept_distribution: bool = False
) -> list[str]:
    """List what is wrong with the hosts of load_balancers.

    Both mappings are what preflight_node returned.
    """
    mistakes = list_troubles(balancers)
    seen = {name: node for name, node in balancers.items() if "trouble" not in node}
    mistakes += [] if accept_distribution else _distribution_mistakes(seen)
    cards = {mac: name for name, node in nodes.items() for mac in node.get("macs", ())}
    for name, node in balancers.items():
        if "trouble" in node:
            continue
        if not node["root"]:
            mistakes.append(f"{name}: tasks do not run as root: set ansible_become to true")
        if not node["systemd"]:
            mistakes.append(
                f"{name} does not run systemd: the balancer is a systemd unit, use a host that has "
                f"it"
            )
        if address not in node["addresses"]:
            addresses = ", ".join(node["addresses"]) or "none"
            mistakes.append(
                f"{name} has not the address {address} (found: {addresses}): correct "
                f"cluster_external_address"
            )
        same = next((cards[mac] for mac in node["macs"] if mac in cards), None)
        if same or node["joined"]:
            what = f"the same machine as {same}" if same else "a node of a cluster"
            mistakes.append(
                f"{name} is {what}: a load balancer stands outside, on a machine of its own"
            )
    return mistakes


def _machine_mistakes(name: str, node: Node, expected: Mapping[str, Any]) -> Iterator[str]:
    limits = expected["limits"]
    role = "control_plane" if name in expected["control_planes"] else "worker"
    if not node["root"]:
        yield f"{name}: tasks do not run as root: set ansible_become to true"
    if (python := tuple(node["python"])) < OLDEST_PYTHON:
        yield TROUBLES["old_python"].format(name=name, why=".".join(map(str, python)))
    if node["arch"] != expected["architecture"]:
        yield (
            f"{name} is {node['arch']}, the bundle is for {expected['architecture']}: use nodes of "
            f"one architecture"
        )
    least = limits[f"memory_mib_{role}"]
    if node["memory_mib"] < least:
        yield (
            f"{name} has {node['memory_mib']} MiB of memory, a {role.replace('_', ' ')} needs "
            f"{least}: give it more"
        )
    space = limits["disk_mib_upgrade" if expected["purpose"] == "upgrade" else "disk_mib"]
    if (expected["purpose"] == "upgrade" or not node["joined"]) and node["disk_free_mib"] < space:
        yield f"{name} has {node['disk_free_mib']} MiB free under /var, it needs {space}: make room"
    if parse_version(node["kernel"])[:2] < parse_version(str(limits["kernel"]))[:2]:
        yield (
            f"{name} runs Linux {node['kernel']}, expected {limits['kernel']} or newer: upgrade "
            f"its kernel"
        )
    if not node["systemd"]:
        yield f"{name} does not run systemd: services are systemd units, use a node that has it"
    if node["missing_features"]:
        yield (
            f"{name} lacks {', '.join(node['missing_features'])}: use a kernel (or a node "
            f"container) that has it"
        )
    yield from foreign_mistakes(name, node, expected["accepted"])
    yield from taken_ports(name, node, expected)
    skew = clock_skew(node)
    if abs(skew) > limits["clock_skew_limit"]:
        word = "ahead of" if skew > 0 else "behind"
        yield (
            f"{name}'s clock is {abs(skew):.1f} s {word} the controller's, expected at most "
            f"{limits['clock_skew_limit']} s: let both follow an NTP server"
        )


def _lost_addresses(nodes: Nodes, addresses: Mapping[str, str]) -> list[str]:
    """Name nodes without the address that they joined with, by DHCP mostly, or that is set."""
    lost = [
        f"{name} joined the cluster with the address {node['node_ip']}, and has it no more (found: "
        f"{', '.join(node['addresses']) or 'none'}): give it back for good, as certificates, "
        f"etcd's members and the balancers have it"
        for name, node in nodes.items()
        if node["node_ip"] and node["node_ip"] not in node["addresses"]
    ]
    return lost + [
        f"{name} has not the address {addresses[name]} of cluster_node_address (found: "
        f"{', '.join(node['addresses']) or 'none'}): correct it"
        for name, node in nodes.items()
        if addresses.get(name) and addresses[name] not in node["addresses"]
    ]


def clock_skew(node: Node) -> float:
    """Seconds by which a clock is certainly off, given the times of question and answer.

    >>> clock_skew({"asked": 100.0, "time": 100.4, "answered": 101.0})
    0.0
    >>> clock_skew({"asked": 100.0, "time": 90.0, "answered": 101.0})
    -10.0
    """
    if node["time"] > node["answered"]:
        return float(node["time"] - node["answered"])
    return float(min(0.0, node["time"] - node["asked"]))


def _grouped(nodes: Nodes, key: Callable[[Node], Any]) -> dict[Any, list[str]]:
    groups: dict[Any, list[str]] = defaultdict(list)
    for name, node in nodes.items():
        groups[key(node)].append(name)
    return groups


def _same_machines(nodes: Nodes) -> list[str]:
    by_mac = _grouped(nodes, lambda node: tuple(node["macs"]))
    by_name = _grouped(nodes, lambda node: node["hostname"])
    return [
        f"{' and '.join(names)} are one machine (network card {macs[0]}): give each node its own "
        f"machine"
        for macs, names in by_mac.items()
        if macs and len(names) > 1
    ] + [
        f"{' and '.join(names)} call themselves {hostname}: give each its own host name"
        for hostname, names in by_name.items()
        if len(names) > 1
    ]


def _stranger_at_virtual_address(nodes: Nodes, expected: Mapping[str, Any]) -> list[str]:
    if not expected["all_control_planes_seen"] or any(node["vip_held"] for node in nodes.values()):
        return []
    node_macs = {mac for node in nodes.values() for mac in node["macs"]}
    strangers = {node["vip_mac"] for node in nodes.values()} - node_macs - {""}
    address = expected["virtual_address"]
    return [
        f"virtual address {address} is in use by {mac}, no node of this inventory: set it to a "
        f"free address"
        for mac in sorted(strangers)
    ]


def _several_holders(expected: Mapping[str, Any]) -> list[str]:
    again = expected["again"].items()
    holders = [name for name, second in again if second.get("node", {}).get("vip_held")]
    if len(holders) < 2:
        return []
    mistake = (
        f"virtual address {expected['virtual_address']} is held by {' and '.join(holders)} at "
        f"once, and clients reach either: let VRRP (IP protocol 112) pass between the control "
        f"planes, then look at `journalctl -u keepalived` there"
    )
    return [mistake]


def _cluster_mistakes(nodes: Nodes, expected: Mapping[str, Any]) -> list[str]:
    mistakes = []
    authorities = _grouped(
        {name: node for name, node in nodes.items() if node["ca"]}, lambda node: node["ca"]
    )
    if len(authorities) > 1:
        members = "; ".join(", ".join(members) for members in authorities.values())
        mistakes.append(
            f"nodes of {len(authorities)} clusters ({members}): leave in the inventory only those "
            f"of one"
        )
    if is_broken(nodes):
        planes = ", ".join(name for name, node in nodes.items() if node["versions"])
        mistakes.append(
            f"the cluster is broken: no API server is ready on {planes}: look at `journalctl -u "
            f"kubelet` and at etcd's log there and repair it"
        )
    mistakes += _profile_mistakes(nodes, expected["security_profile"])
    check = _upgrade_mistakes if expected["purpose"] == "upgrade" else _install_mistakes
    mistakes += check(nodes, str(expected["version"]))
    fresh = [name for name, node in nodes.items() if not node["joined"]]
    if expected["check_mode"] and expected["purpose"] == "install" and fresh:
        mistakes.append(
            f"{', '.join(fresh)} {'have' if fresh[1:] else 'has'} not joined the cluster, and "
            f"--check only shows what would change on nodes that have: leave it out"
        )
    return mistakes


def _profile_mistakes(nodes: Nodes, profile: str) -> list[str]:
    """Refuse another profile than the cluster's: its parts would have some of either."""
    profiles = _grouped(
        {name: node for name, node in nodes.items() if node["security_profile"]},
        lambda node: node["security_profile"],
    )
    return [
        f"{', '.join(names)} {'were' if names[1:] else 'was'} installed with security_profile "
        f"{actual}, the inventory asks for {profile}: set it to {actual}, as a cluster keeps what "
        f"it was installed with"
        for actual, names in profiles.items()
        if actual != profile
    ]


def is_broken(nodes: Nodes) -> bool:
    """Whether a cluster that was complete has no working API server.

    An install that was killed half-way is no broken cluster: it is finished by running it again. So
    there must be a second etcd member or a joined worker, which come only after a first control
    plane has worked.
    """
    planes = [node for node in nodes.values() if node.get("versions")]
    complete = sum(bool(node.get("etcd_member")) for node in planes) > 1 or any(
        node.get("joined") and not node.get("versions") for node in nodes.values()
    )
    return bool(planes) and complete and not any(node["api_ready"] for node in planes)


def _running(nodes: Nodes) -> dict[str, list[str]]:
    """Versions of API servers and of kubelets of a cluster, and the nodes that run them."""
    running: dict[str, list[str]] = defaultdict(list)
    for name, node in nodes.items():
        versions = set(node["versions"].values()) | (
            {node["kubelet_version"]} if node["joined"] else set()
        )
        for version in sorted(versions - {""}):
            running[version].append(name)
    return running


def _install_mistakes(nodes: Nodes, version: str) -> list[str]:
    return [
        f"{', '.join(names)} run Kubernetes {running}, the inventory asks for {version}: use "
        f"playbooks/upgrade.yml (`-e upgrade_to={version}`), or set cluster_kubernetes_version to "
        f"{running}"
        for running, names in _running(nodes).items()
        if running != version
    ]


def _upgrade_mistakes(nodes: Nodes, target: str) -> list[str]:
    running = _running(nodes)
    if not running:
        return ["there is no cluster on these nodes to upgrade: install it with site.yml"]
    mistakes = [
        f"{', '.join(names)} run Kubernetes {version}, {problem}"
        for version, names in running.items()
        if (problem := upgrade_problem(version, target))
    ]
    mistakes += [
        f"{name} is not part of the cluster yet: install it with site.yml first"
        for name, node in nodes.items()
        if not node["joined"]
    ]
    return mistakes


class FilterModule:
    """Filters of the role's node checks."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "preflight_node_mistakes": node_mistakes,
            "preflight_balancer_mistakes": balancer_mistakes,
            "preflight_troubles": list_troubles,
        }
