"""The plan of an upgrade, from what the nodes and the API say now. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import upgrade_problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

State = dict[str, Any]


def plan_lines(cluster: State, states: Mapping[str, State], version: str) -> list[str]:
    """One line a node: what it runs and what will be done."""
    return [
        f"{name}: {_line(cluster['nodes'].get(name, {}), states[name], version)}" for name in states
    ]


def _line(node: State, state: State, version: str) -> str:
    steps = []
    if state["manifests_behind"]:
        running = state["manifests"][state["manifests_behind"][0]]
        steps.append(f"control plane {running} -> {version}")
    if node.get("kubelet") != version:
        steps.append(f"kubelet {node.get('kubelet', 'unknown')} -> {version}")
    elif state["outdated_units"]:
        steps.append(f"restart {', '.join(state['outdated_units'])}")
    if node.get("upgrading_to"):
        steps.append("finish what an earlier run began")
    return ", ".join(steps) if steps else f"at {version}, nothing to do"


def is_done(node: State, state: State, version: str) -> bool:
    """Whether nothing is left to do on a node."""
    left = bool(state["manifests_behind"] or state["outdated_units"] or node.get("upgrading_to"))
    return not left and node.get("kubelet") == version


def explain_missing(name: str) -> str:
    """Say what to do with a node that only the inventory has."""
    return f"node {name} of the inventory is not in the cluster: run site.yml first"


def explain_stranger(name: str) -> str:
    """Say what to do with a node that only the cluster has."""
    return (
        f"node {name} of the cluster is not in the inventory: add it, or remove it with "
        f"playbooks/node_remove.yml -e node_remove={name}"
    )


def refusals(cluster: State, version: str, expected: Mapping[str, Any]) -> list[str]:
    """Why the upgrade must not begin.

    Another cluster than the inventory's, one that is already broken, or nodes that cannot be
    drained: ``expected`` has names in ``control_planes``, ``workers`` and ``in_play``, and in
    ``blockers`` by node what a drain would be refused for.

    A node that an earlier run was working on (it carries that run's annotation) may be not Ready:
    finishing it repairs it.
    """
    nodes = cluster["nodes"]
    names = [*expected["control_planes"], *expected["workers"]]
    mistakes = [explain_missing(name) for name in names if name not in nodes]
    mistakes += [explain_stranger(name) for name in nodes if name not in names]
    mistakes += [
        f"the cluster is already broken: node {name} is not Ready: repair it first"
        for name, node in nodes.items()
        if not node["ready"] and not node["upgrading_to"]
    ]
    mistakes += [
        f"node {name} is in the middle of an upgrade to {target}: finish it with "
        f"-e upgrade_to={target}"
        for name, node in nodes.items()
        if (target := node["upgrading_to"]) and target != version
    ]
    mistakes += [
        f"node {name} is in the middle of a maintenance: finish it with playbooks/maintain.yml"
        for name, node in nodes.items()
        if node.get("maintaining")
    ]
    mistakes += [reason for reasons in expected.get("blockers", {}).values() for reason in reasons]
    return [*mistakes, *_left_out(cluster, version, expected), *_skew(cluster, version)]


def _left_out(cluster: State, version: str, expected: Mapping[str, Sequence[str]]) -> list[str]:
    """Say where ``--limit`` would make a kubelet newer than an API server."""
    planes, workers = expected["control_planes"], expected["workers"]
    in_play = expected.get("in_play", [*planes, *workers])
    limited = [name for name in workers if name in in_play]
    behind = [
        name
        for name in planes
        if name not in in_play and cluster["api_servers"].get(name) != version
    ]
    if not limited or not behind:
        return []
    return [
        (
            f"--limit leaves out {', '.join(behind)}, whose API server does not run {version} yet: "
            f"the kubelet of {', '.join(limited)} must not be newer than any API server; run the "
            "same command without --limit"
        )
    ]


def _skew(cluster: State, version: str) -> list[str]:
    running = set(cluster["api_servers"].values()) | {
        node["kubelet"] for node in cluster["nodes"].values()
    }
    return [
        f"{release} runs, {problem}"
        for release in sorted(running)
        if (problem := upgrade_problem(release, version))
    ]


def upgraded_api_servers(cluster: State, version: str) -> list[str]:
    """Control planes whose API server runs the new version."""
    return [name for name, running in cluster["api_servers"].items() if running == version]


def finished_control_planes(cluster: State, version: str) -> list[str]:
    """Control planes on which nothing is left to do."""
    return [
        name
        for name in upgraded_api_servers(cluster, version)
        if (node := cluster["nodes"].get(name))
        and node["control_plane"]
        and node["kubelet"] == version
        and not node["upgrading_to"]
    ]


def peer_addresses(cluster: State, node: str) -> list[str]:
    """Addresses of the other control planes."""
    return [
        state["address"]
        for name, state in cluster["nodes"].items()
        if state["control_plane"] and name != node
    ]


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "upgrade_plan_lines": plan_lines,
            "upgrade_finished_control_planes": finished_control_planes,
            "upgrade_is_done": is_done,
            "upgrade_peer_addresses": peer_addresses,
            "upgrade_upgraded_api_servers": upgraded_api_servers,
            "upgrade_refusals": refusals,
        }
