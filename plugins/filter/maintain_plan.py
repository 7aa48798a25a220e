"""What a maintenance would do, and why it must not begin.

Pure functions of what maintenance_state, node_packages and upgrade_cluster_state read now.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.filter.certificate_plan import describe_trouble
from ansible_collections.kubedrill.kubeadm.plugins.filter.upgrade_plan import (
    explain_missing,
    explain_stranger,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

State = dict[str, Any]
CHOICES = {
    "maintain_packages": ("security", "all", "none"),
    "maintain_reboot": ("always", "when-needed", "never"),
}
BATCH = re.compile(r"[1-9]\d*|[1-9]\d?%|100%")


def steps(node: State, machine: State, settings: Mapping[str, Any]) -> State:
    """What is left to do on a node: nothing that its state does not ask for.

    ``node`` is what the API has of it. ``machine`` has ``state`` (maintenance_state's),
    ``packages``, ``unfinished`` (node_packages'), ``runtime`` (what differs of the container
    runtime) and ``can_boot`` (whether it can be booted from here). ``settings`` are the role's.
    """
    state = machine["state"]
    runtime = list(machine["runtime"])
    if "containerd" in state["outdated_units"]:
        runtime.append("a restart")
    result = {
        "begun": bool(node.get("maintaining")),
        "packages": machine["packages"] or (["what dpkg began"] if machine["unfinished"] else []),
        "runtime": runtime,
        "reboot": _reboot(node, machine, settings),
    }
    return {**result, "any": any(result.values())}


def _reboot(node: State, machine: State, settings: Mapping[str, Any]) -> list[str]:
    """Why to boot a node; a run that was killed after the boot does not repeat it."""
    state, mode = machine["state"], settings["maintain_reboot"]
    if mode == "never" or not machine["can_boot"]:
        return []
    if mode == "always":
        before = node.get("maintaining")
        due = (
            state["boot"] == before
            if before
            else state["age_s"] >= settings["maintain_reboot_interval"]
        )
        return ["maintain_reboot is always"] if due else []
    return list(state["reboot"])


def plan_lines(
    cluster: State, machines: Mapping[str, State], settings: Mapping[str, Any]
) -> list[str]:
    """One line a node: what will be done, and why."""
    return [
        f"{name}: {_line(cluster['nodes'].get(name, {}), machine, settings)}"
        for name, machine in machines.items()
    ]


def _line(node: State, machine: State, settings: Mapping[str, Any]) -> str:
    todo = steps(node, machine, settings)
    parts = ["finish what an earlier run began"] if todo["begun"] else []
    if packages := todo["packages"]:
        rest = f" and {len(packages) - 5} others" if len(packages) > 5 else ""
        parts.append(f"packages {', '.join(packages[:5])}{rest}")
    if todo["runtime"]:
        parts.append(f"container runtime ({', '.join(todo['runtime'])})")
    if todo["reboot"]:
        parts.append(f"reboot ({', '.join(todo['reboot'])})")
    if parts and node.get("cordoned") and (not todo["begun"] or node.get("was_cordoned")):
        parts.append("stays cordoned")
    age, always = machine["state"]["age_s"], settings["maintain_reboot"] == "always"
    if always and not todo["reboot"] and not todo["begun"]:
        parts.append(f"not rebooted (booted {age:.0f} s ago, maintain_reboot_interval)")
    elif not todo["reboot"] and machine["state"]["reboot"]:
        why = "maintain_reboot is never" if machine["can_boot"] else "a container without power_on"
        parts.append(f"not rebooted ({why}) although {', '.join(machine['state']['reboot'])}")
    return "; ".join(parts) or "nothing to do"


def setting_mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Say which settings have no meaning."""
    for name, choices in CHOICES.items():
        if settings[name] not in choices:
            yield f"{name} is {settings[name]!r}, expected one of {', '.join(choices)}"
    batch = str(settings["maintain_batch"])
    if not BATCH.fullmatch(batch):
        yield f"maintain_batch is {batch!r}, expected a number of workers or a share such as 25%"


def refusals(
    cluster: State, machines: Mapping[str, State], expected: Mapping[str, Any]
) -> list[str]:
    """Why the maintenance must not begin.

    ``cluster`` is {} where the API does not answer. ``machines`` has those that could be read.
    ``expected`` has ``inspected`` (what preflight_node returned), ``errors`` (why something could
    not be read, by node), ``names`` (nodes of the inventory), ``in_play`` (those that
    ``--limit`` leaves), ``settings``, ``bundle`` (what is wrong with the release's bundle),
    ``blockers`` (what a drain of each node would be refused for) and ``api`` (why the API does not
    answer).
    """
    mistakes = list(setting_mistakes(expected["settings"]))
    for name, inspected in expected["inspected"].items():
        if "trouble" in inspected:
            mistakes.append(describe_trouble(name, inspected))
        elif not inspected["joined"]:
            mistakes.append(
                f"{name} has not joined the cluster: run site.yml first, or take it out of the "
                "inventory"
            )
        mistakes += [f"{name}: {error}" for error in expected["errors"].get(name, ())]
    if not cluster:
        return [*mistakes, f"{expected['api']}: repair that first"]
    mistakes += expected["bundle"]
    mistakes += _nodes(cluster, expected)
    for name, machine in machines.items():
        mistakes += _machine(name, machine, expected["settings"])
        node = cluster["nodes"].get(name, {})
        if name in expected["blockers"] and steps(node, machine, expected["settings"])["any"]:
            mistakes += expected["blockers"][name]
    return mistakes


def _nodes(cluster: State, expected: Mapping[str, Any]) -> Iterator[str]:
    nodes = cluster["nodes"]
    for name in expected["names"]:
        if name not in nodes:
            yield explain_missing(name)
    for name, node in nodes.items():
        if name not in expected["names"]:
            yield explain_stranger(name)
        if node["upgrading_to"]:
            yield (
                f"node {name} is in the middle of an upgrade to {node['upgrading_to']}: finish it "
                f"with playbooks/upgrade.yml -e upgrade_to={node['upgrading_to']}"
            )
        elif node["maintaining"] and name in expected["names"] and name not in expected["in_play"]:
            yield (
                f"node {name} is in the middle of a maintenance, and --limit leaves it out: run "
                "the same command without --limit first"
            )
        elif not node["ready"] and not node["maintaining"]:
            yield f"the cluster is already broken: node {name} is not Ready: repair it first"
    running = {node["kubelet"] for node in nodes.values()} | set(cluster["api_servers"].values())
    if len(running) > 1:
        yield (
            f"the cluster runs {' and '.join(sorted(running))}: finish that upgrade first, with "
            f"playbooks/upgrade.yml"
        )


def _machine(name: str, machine: State, settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["maintain_reboot"] == "always" and not machine["can_boot"]:
        yield (
            f"{name} is a container, which cannot start itself, and maintain_reboot is always: "
            "leave that out, or give its host the commands power_on and power_off"
        )


def read_errors(variables: Mapping[str, Any]) -> list[str]:
    """Why a machine's state could not be read, by a host's variables."""
    reads = {"__maintain_machine": "state", "__maintain_packages": "packages"}
    results = [(variables[name], key) for name, key in reads.items() if name in variables]
    return [result["msg"] for result, key in results if key not in result and "msg" in result]


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "maintain_errors": read_errors,
            "maintain_plan_lines": plan_lines,
            "maintain_refusals": refusals,
            "maintain_steps": steps,
        }
