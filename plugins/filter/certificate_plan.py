"""What a renewal of certificates would do, and why it must not begin.

Pure functions of what certificate_state, upgrade_cluster_state and preflight_node read now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.certificates import OPTIONAL

if TYPE_CHECKING:
    from collections.abc import Iterator

State = Mapping[str, Any]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LENGTH = re.compile(r"(\d+)([smhd])")
TROUBLES = {
    "unreachable": "cannot be reached over SSH",
    "no_root": "gives no root",
    "no_python": "has no Python 3",
    "old_python": "has a Python that is too old",
    "failed": "could not be inspected",
}
"""What preflight_node could not do."""


def describe_trouble(name: str, machine: Mapping[str, Any]) -> str:
    """Say of a machine that preflight_node could not inspect why, and what to do."""
    why = f" ({machine['why'].strip()})" if machine.get("why") else ""
    return f"{name} {TROUBLES[machine['trouble']]}{why}: repair that first"


def seconds(text: Any) -> int:
    """Read a length of time. Raises ValueError: it is none.

    >>> seconds("30d"), seconds("1h"), seconds("0s")
    (2592000, 3600, 0)
    """
    match = LENGTH.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is no length of time, such as 30d, 12h or 0s")
    return int(match[1]) * UNITS[match[2]]


def due(state: State, settings: State) -> list[str]:
    """Certificates for which the node's are renewed.

    ``settings`` has ``when_left`` ("" for all) and ``fresh``: one that is younger is not renewed
    again, so that a run which was killed goes on with the next node.
    """
    fresh, when_left = seconds(settings["fresh"]), settings["when_left"]
    now = state["now"]
    return [
        name
        for name, each in state["certificates"].items()
        if now - each["issued"] >= fresh
        and (not when_left or each["expires"] - now < seconds(when_left))
    ]


def steps(state: State, settings: State) -> dict[str, bool]:
    """What is left to do on a node: nothing that its state does not ask for."""
    renew = bool(due(state, settings) or state["unusable"])
    return {"renew": renew, "restart": renew or bool(state["begun"] or state["outdated"])}


def plan_lines(states: Mapping[str, State], settings: State) -> list[str]:
    """One line a control plane: what will be done, and why."""
    return [f"{name}: {_line(state, settings)}" for name, state in states.items()]


def _line(state: State, settings: State) -> str:
    todo = steps(state, settings)
    if state["begun"]:
        return "finish what an earlier run began"
    if todo["renew"]:
        return f"renew {len(state['certificates'])} certificates, {first_to_expire(state)}"
    if todo["restart"]:
        reasons = (f"{name} {reason}" for name, reason in state["outdated"].items())
        return f"restart with the certificates that are there: {'; '.join(reasons)}"
    return f"nothing to do, {first_to_expire(state)}"


def first_to_expire(state: State) -> str:
    """Which certificate of a node expires first, and when."""
    if not state["certificates"]:
        return "none can be read"
    name, each = min(state["certificates"].items(), key=lambda item: item[1]["expires"])
    return f"the first ({name}) expires on {day(each['expires'])}"


def day(at: int) -> str:
    """A time for people.

    >>> day(0)
    '1970-01-01 00:00 UTC'
    """
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def result_lines(states: Mapping[str, State]) -> list[str]:
    """One line a control plane: how long its certificates last now."""
    return [f"{name}: {first_to_expire(state)}" for name, state in states.items()]


def refusals(
    states: Mapping[str, State], cluster: Mapping[str, Any], expected: Mapping[str, Any]
) -> list[str]:
    """Why the renewal must not begin.

    ``cluster`` is {} where the API does not answer. ``expected`` has ``machines`` (what
    preflight_node returned), ``errors`` (why certificates were not read), ``control_planes`` (of
    the inventory), ``settings`` (as for :func:`due`) and ``api`` (why the API does not answer,
    where it does not).
    """
    mistakes = list(_settings(expected["settings"]))
    for name, machine in expected["machines"].items():
        if "trouble" in machine:
            mistakes.append(describe_trouble(name, machine))
        elif name in expected["errors"]:
            mistakes.append(f"{name}: {expected['errors'][name]}: repair that first")
        elif name not in states:
            mistakes.append(
                f"{name} has not joined the cluster: run site.yml first, or take it out of the "
                "inventory"
            )
    for name, state in states.items():
        mistakes += _files(name, state)
    begun = [name for name, state in states.items() if state["begun"]]
    if not cluster:
        # the only control plane may have lost its power in the middle: its turn mends it
        alone = expected["control_planes"] == begun
        return mistakes if alone else [*mistakes, expected["api"]]
    for name, state in states.items():
        if name not in begun:
            mistakes += [
                f"{component} on {name} {reason}: repair it first"
                for component, reason in state["down"].items()
            ]
    return [*mistakes, *_nodes(cluster["nodes"], expected["control_planes"], begun)]


def _settings(settings: State) -> Iterator[str]:
    for name, variable in (
        ("when_left", "certificates_renew_when_left"),
        ("fresh", "certificates_fresh"),
    ):
        if name == "when_left" and not settings[name]:
            continue
        try:
            seconds(settings[name])
        except ValueError as error:
            yield f"{variable}: {error}"


def _files(name: str, state: State) -> Iterator[str]:
    now = state["now"]
    for authority, each in state["authorities"].items():
        path = f"/etc/kubernetes/{authority}"
        if not each["key"]:
            yield (
                f"{name} has no {path}.key: its certificates are signed by an authority outside of "
                f"the cluster; have that sign new ones (kubeadm certs generate-csr)"
            )
        if each["expires"] <= now:
            yield (
                f"the authority {path}.crt on {name} "
                + (f"ran out on {day(each['expires'])}" if each["expires"] else "cannot be read")
                + ": no certificate that it signs is valid; it has to be replaced by hand"
            )
    expired = [
        f"{file} ({day(each['expires'])})"
        for file, each in state["certificates"].items()
        if each["expires"] <= now
    ]
    if expired:
        yield (
            f"on {name}, certificates have run out, so that the cluster cannot be kept serving "
            f"while they are renewed: {', '.join(expired)}; on this node run `kubeadm certs renew "
            f"all`, then end its static pods (move /etc/kubernetes/manifests away and back), then "
            f"run the same command again"
        )
    for file in state["missing"]:
        if file not in OPTIONAL:
            yield (
                f"{name} has no /etc/kubernetes/{file}: put it back, or make it with kubeadm init "
                f"phase certs or kubeconfig"
            )
    if not state["begun"]:
        for file, reason in state["unusable"].items():
            yield f"/etc/kubernetes/{file} on {name}: {reason}: put back a pair that fits"


def _nodes(nodes: Mapping[str, Any], control_planes: list[str], begun: list[str]) -> Iterator[str]:
    for name, node in nodes.items():
        if node["control_plane"] and name not in control_planes:
            yield (
                f"control plane {name} of the cluster is not in the inventory, and its "
                f"certificates would run out: add it, or remove it with playbooks/node_remove.yml "
                f"-e node_remove={name}"
            )
        if node["upgrading_to"]:
            yield (
                f"node {name} is in the middle of an upgrade to {node['upgrading_to']}: finish it "
                f"first"
            )
        elif not node["ready"] and name not in begun:
            yield f"the cluster is already broken: node {name} is not Ready: repair it first"
    for name in control_planes:
        if name not in nodes:
            yield f"control plane {name} of the inventory is not in the cluster: run site.yml first"


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "certificate_plan_lines": plan_lines,
            "certificate_refusals": refusals,
            "certificate_result_lines": result_lines,
            "certificate_steps": steps,
        }
