"""What the removal of nodes would do, and why it must not begin.

Pure functions of what cluster_members and preflight_node read now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_membership import (
    explain_risk,
    members_of,
    stranded_volumes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Cluster = dict[str, Any]
Machine = dict[str, Any]
NO_MACHINE: Machine = {"trouble": "unlisted", "why": ""}
TROUBLES = {
    "unlisted": "is not in the inventory",
    "unreachable": "cannot be reached",
    "no_root": "gives no root",
    "no_python": "has no Python 3",
    "old_python": "has a Python that is too old",
    "failed": "could not be inspected",
}
"""What preflight_node could not do."""


class Steps(NamedTuple):
    """What is to be done for one node."""

    drain: bool
    stop: bool  # its API server, and its share in the virtual address
    etcd: bool
    reset: bool
    api: bool


def node_names(value: Any) -> list[str]:
    """Names of ``-e node_remove``: a list, or text with commas.

    >>> node_names("w3, w4,w3"), node_names(["w3"]), node_names("")
    (['w3', 'w4'], ['w3'], [])
    """
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return list(dict.fromkeys(text for part in parts if (text := str(part).strip())))


def serving(machines: Mapping[str, Machine], control_planes: Sequence[str]) -> list[str]:
    """Control planes whose API server is ready, in the inventory's order."""
    return [name for name in control_planes if machines.get(name, {}).get("api_ready")]


def steps(name: str, cluster: Cluster, machines: Mapping[str, Machine]) -> dict[str, bool]:
    """What is left to do for a node: nothing that the live state does not ask for."""
    node, machine = _node(cluster, name), machines.get(name, NO_MACHINE)
    joined = "trouble" not in machine and bool(machine["joined"])
    members = _members(cluster, name)
    plane = bool(members or node.get("control_plane") or machine.get("versions"))
    return Steps(
        drain=joined and bool(node.get("ready")),
        stop=joined and plane,
        etcd=bool(members),
        reset="trouble" not in machine,
        api=bool(cluster["traces"].get(name)),
    )._asdict()


def order(names: Sequence[str], cluster: Cluster) -> list[str]:
    """Names in which order they leave: those first whose member of etcd is dead."""
    return sorted(names, key=lambda name: all(m["healthy"] for m in _members(cluster, name)))


def staying(cluster: Cluster, names: Sequence[str]) -> list[str]:
    """Nodes of the cluster that do not leave."""
    return [name for name in cluster["nodes"] if name not in names]


def refusals(
    cluster: Cluster, machines: Mapping[str, Machine], expected: Mapping[str, Any]
) -> list[str]:
    """Why the removal must not begin.

    ``cluster`` is {} where no API server answers. ``expected`` has ``names``, ``replace`` (whether
    they are to join again), ``inventory`` and ``control_planes`` (names of hosts), ``external``
    (whether the balancer stands outside), ``dead`` and ``data`` (what was confirmed), and
    ``blockers`` (what a drain of each node would be refused for).
    """
    names = expected["names"]
    if not names:
        option = "node_replace" if expected["replace"] else "node_remove"
        return [f"{option} is not set: name the nodes, such as -e {option}=w3 or {option}=w3,w4"]
    mistakes = list(_left_out(machines, expected))
    if not cluster:
        return [*mistakes, _no_api(machines, expected["control_planes"])]
    known = [name for name in names if name in expected["inventory"] or _is_known(cluster, name)]
    mistakes += [
        f"{name} is neither in the inventory nor in the cluster: correct the name, one of "
        f"{', '.join(cluster['nodes'])}"
        for name in names
        if name not in known
    ]
    for name in known:
        mistakes += _machine(name, cluster, machines, expected)
    mistakes += _staying(cluster, machines, expected)
    leaving = [member for name in known for member in _members(cluster, name)]
    planes_stay = any(cluster["nodes"][n]["control_plane"] for n in staying(cluster, names))
    if planes_stay and (risk := explain_risk(cluster["members"], leaving)):
        mistakes.append(risk)
    mistakes += _places(cluster, known)
    if not expected["data"]:
        mistakes += _volumes(cluster, known)
    mistakes += [reason for name in known for reason in expected["blockers"].get(name, ())]
    return mistakes


def _node(cluster: Cluster, name: str) -> dict[str, Any]:
    return dict(cluster["nodes"].get(name) or {})


def _members(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    return members_of(cluster["members"], name, _node(cluster, name).get("address", ""))


def _is_known(cluster: Cluster, name: str) -> bool:
    return name in cluster["nodes"] or bool(_members(cluster, name))


def _left_out(machines: Mapping[str, Machine], expected: Mapping[str, Any]) -> Iterator[str]:
    if left_out := [name for name in expected["inventory"] if name not in machines]:
        yield (
            f"--limit leaves out {', '.join(left_out)}: the others have to forget the nodes that "
            "leave; run the same command without --limit"
        )


def _no_api(machines: Mapping[str, Machine], control_planes: Sequence[str]) -> str:
    reasons = [
        f"{name} {TROUBLES.get(machine.get('trouble', ''), 'has none that is ready')}"
        for name in control_planes
        if (machine := machines.get(name))
    ]
    return f"no API server of the cluster answers ({', '.join(reasons)}): repair one first"


def _machine(
    name: str, cluster: Cluster, machines: Mapping[str, Machine], expected: Mapping[str, Any]
) -> Iterator[str]:
    """Is the machine what the cluster takes it for, and is a dead one dead?"""
    node, machine = _node(cluster, name), machines.get(name, NO_MACHINE)
    ready, address = node.get("ready"), node.get("address", "")
    if "trouble" in machine:
        yield from _unreachable(name, cluster, machine, expected)
    elif machine["joined"]:
        authorities = {
            other["ca"]
            for each, other in machines.items()
            if each in cluster["nodes"] and each not in expected["names"] and other.get("ca")
        }
        if machine["ca"] and authorities and machine["ca"] not in authorities:
            yield (
                f"{name} is a node of another cluster: correct its ansible_host, or take it out of "
                "the inventory"
            )
    elif ready and address not in machine["addresses"]:
        yield (
            f"{name} is Ready at {address}, and the machine that Ansible reaches is no node: "
            "correct its ansible_host, or switch the other machine off and wait until the node is "
            "not Ready"
        )


def _unreachable(
    name: str, cluster: Cluster, machine: Machine, expected: Mapping[str, Any]
) -> Iterator[str]:
    why = f" ({machine['why']})" if machine["why"] else ""
    state = f"{name} {TROUBLES[machine['trouble']]}{why}"
    node = _node(cluster, name)
    if expected["replace"]:
        yield f"{state}: start the machine that replaces it, with the inventory's address and user"
    elif node.get("ready"):
        yield (
            f"{state}, and its node is Ready: make it reachable, so that it is drained and reset; "
            "or switch it off and wait until the node is not Ready"
        )
    elif not expected["dead"] and _is_known(cluster, name):
        yield (
            f"{state}, and its node is not Ready. If it runs on, pods that must run once would run "
            "twice: make sure that it is off for good, then add -e node_remove_dead=true"
        )


def _staying(
    cluster: Cluster, machines: Mapping[str, Machine], expected: Mapping[str, Any]
) -> Iterator[str]:
    """Some control plane serves on, and every balancer can be reached."""
    stay = staying(cluster, expected["names"])
    planes = [name for name in stay if cluster["nodes"][name]["control_plane"]]
    if not planes:
        leaving = ", ".join(expected["names"])
        yield (
            f"without {leaving} there is no control plane: add another one with site.yml first, or "
            "remove the whole cluster with playbooks/reset.yml"
        )
    elif not serving(machines, planes):
        yield (
            f"no API server is ready on the control planes that stay ({', '.join(planes)}): repair "
            "one first"
        )
    for name in stay if expected["external"] else planes:
        if name in machines and "trouble" in machines[name]:
            yield (
                f"{name} stays and cannot be reached ({machines[name]['why']}): repair it first, "
                "or remove it with the same command"
            )


def _places(cluster: Cluster, names: Sequence[str]) -> Iterator[str]:
    places = [n for n, node in cluster["nodes"].items() if node["ready"] and node["takes_pods"]]
    if set(places) & set(names) and not set(places) - set(names):
        yield (
            f"without {', '.join(name for name in names if name in places)} no node is left that "
            "takes pods: add a worker with site.yml first"
        )


def _volumes(cluster: Cluster, names: Sequence[str]) -> Iterator[str]:
    volumes = stranded_volumes(cluster["volumes"], names, cluster["nodes"])
    if volumes:
        yield (
            f"data is lost with {', '.join(names)}, as no other node can mount "
            f"{_volume_names(volumes)}: save it, then add -e node_remove_data=true"
        )


def _volume_names(volumes: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{volume['name']} ({'claim ' + volume['claim'] if volume['claim'] else 'no claim'})"
        for volume in volumes
    )


def plan_lines(
    cluster: Cluster, machines: Mapping[str, Machine], names: Sequence[str]
) -> list[str]:
    """One line a node: what will be done."""
    return [f"{name}: {_line(name, cluster, machines)}" for name in names]


def _line(name: str, cluster: Cluster, machines: Mapping[str, Machine]) -> str:
    todo = steps(name, cluster, machines)
    machine = machines.get(name, NO_MACHINE)
    words = [
        ("drain it", todo["drain"]),
        ("stop its control plane", todo["stop"]),
        ("remove its member of etcd", todo["etcd"]),
        ("reset the machine", todo["reset"] and machine["joined"]),
        (f"delete {', '.join(cluster['traces'].get(name, ()))}", todo["api"]),
    ]
    return ", ".join(text for text, needed in words if needed) or "it is no node, nothing to do"


def report_lines(cluster: Cluster, expected: Mapping[str, Any]) -> list[str]:
    """What is left, and what the administrator has to do now."""
    names, nodes = expected["names"], cluster["nodes"]
    planes = sum(node["control_plane"] for node in nodes.values())
    healthy = sum(member["healthy"] for member in cluster["members"])
    parts = [_amount(planes, "control plane"), _amount(len(nodes) - planes, "worker")]
    members = f"{healthy} of {_amount(len(cluster['members']), 'member')} of etcd healthy"
    lines = [f"{', '.join(names)} left the cluster: {', '.join([*parts, members])}"]
    volumes = stranded_volumes(cluster["volumes"], names, nodes)
    if volumes:
        lines.append(
            f"no node can mount {_volume_names(volumes)}: delete the claims, and the pods that "
            "wait for them get new volumes"
        )
    listed = [name for name in names if name in expected["inventory"]]
    if listed and not expected["replace"]:
        lines.append(
            f"site.yml would join {', '.join(listed)} again: delete it from the inventory, or keep "
            "it there for a machine that takes its place"
        )
    if planes == 2:
        lines.append("with 2 control planes the loss of either stops the API: add a third one")
    return lines


def _amount(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "node_names": node_names,
            "node_order": order,
            "node_plan_lines": plan_lines,
            "node_refusals": refusals,
            "node_report_lines": report_lines,
            "node_serving": serving,
            "node_staying": staying,
            "node_steps": steps,
        }
