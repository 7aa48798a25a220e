"""What faults of services leave on a node.

A service that is down, a frozen process or a paused container. Clocks that are stepped and etcd
without its quorum leave the same.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kubedrill.faults.traces import NodeTrace, Stage, never

if TYPE_CHECKING:
    from kubedrill.base.model import Node

NODE_SERVICES = ("containerd", "kubelet")
"""What every node runs."""

_ENDPOINT_SERVICES = ("keepalived", "haproxy")
"""What a control plane runs where the virtual address is made of them (roles/api_endpoint)."""

_PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState", "FreezerState")


def _detect_services(node: Node) -> str:
    units = (*NODE_SERVICES, *_ENDPOINT_SERVICES) if node.is_control_plane else NODE_SERVICES
    properties = " ".join(f"-p {name}" for name in _PROPERTIES)
    return f"systemctl show {properties} {' '.join(units)} || exit 1"


def _parse_services(text: str) -> list[tuple[str, str]]:
    """Return the services that do not run, with their state."""
    states = [
        dict(line.partition("=")[::2] for line in block.splitlines())
        for block in text.strip().split("\n\n")
    ]
    services = [(state.get("Id", "").removesuffix(".service"), state) for state in states]
    return [(name, bad) for name, state in services if (bad := _bad_state(name, state))]


def _bad_state(name: str, state: dict[str, str]) -> str:
    """Tell how a service does not run; "" where it does, or where its owner does without it."""
    if not name:
        return ""
    absent = state.get("LoadState") == "not-found" or state.get("UnitFileState") == "disabled"
    active = state.get("ActiveState", "unknown")
    if name in _ENDPOINT_SERVICES and absent and active != "active":
        return ""
    if state.get("UnitFileState", "").startswith("masked"):
        return f"{active} and masked"
    if state.get("FreezerState", "running") not in ("running", ""):
        return state["FreezerState"]
    return "" if active == "active" else active


def _start(service: str) -> str:
    unit = shlex.quote(service)
    verbs = ("unmask", "unmask --runtime", "thaw", "reset-failed")
    ready = "; ".join(f"systemctl {verb} {unit} >/dev/null 2>&1" for verb in verbs)
    return f"{ready}; systemctl start {unit}"


SERVICE_DOWN = NodeTrace(
    kind="service",
    text="service {what} is {detail}, expected active",
    stage=Stage.SERVICE,
    detect=_detect_services,
    parse=_parse_services,
    repair=_start,
)

_DETECT_FROZEN = """\
grep -sl '^State:.T (stopped)' /proc/[0-9]*/status | while IFS=/ read -r _ _ pid _; do
  grep -qs user.slice "/proc/$pid/cgroup" || out "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null)"
done"""
"""Nobody's fault: what is stopped in a user's session (user.slice), by Ctrl-Z."""

FROZEN = NodeTrace(
    kind="frozen",
    text="process {what} ({detail}) is frozen (state T)",
    stage=Stage.PROCESS,
    ours=never,
    detect=lambda _node: _DETECT_FROZEN,
    repair=lambda pid: f"kill -CONT {int(pid)}",
)

_DETECT_PAUSED = """\
timeout 5 ctr -n k8s.io task ls 2>/dev/null | while read -r id _ state; do
  [ "$state" = PAUSED ] && out "$id"
done"""

PAUSED = NodeTrace(
    kind="paused",
    text="container {what} is paused",
    stage=Stage.PROCESS,
    detect=lambda _node: _DETECT_PAUSED,
    repair=lambda container: f"ctr -n k8s.io task resume {shlex.quote(container)}",
)
