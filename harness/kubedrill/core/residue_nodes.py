"""What a fault can leave on a node, looked for by one short script over SSH.

The script only reads. It prints one line ``kind<TAB>what<TAB>detail`` for each thing that it finds,
then what systemd says about the services that a node cannot do without; :func:`parse` makes
findings of both.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.cluster.health import STATIC_PODS
from kubedrill.cluster.undo_timer import LOAD_PREFIX, UNIT_PREFIX
from kubedrill.faults.network import TABLE
from kubedrill.faults.on_node import KEPT
from kubedrill.faults.services import MANIFESTS, PARKED

if TYPE_CHECKING:
    from kubedrill.base.model import Node

FILL_PREFIX = "kubedrill-fault"
"""Files that a fault fills a disk with start with this name."""

FILL_FOLDERS = (
    "/", "/tmp", "/var/tmp", "/run", "/dev/shm", "/var/lib", "/var/log",  # noqa: S108 - looked into, not written to
    "/var/lib/etcd", "/var/lib/containerd", "/var/lib/kubelet",
)  # fmt: skip

KEPT_FOLDERS = ("/var/lib/etcd", "/etc/kubernetes", "/etc/kubernetes/pki", "/var/lib/kubelet/pki")
"""Where faults keep aside what they replaced, under its own name with :data:`KEPT` at the end."""

SERVICES = ("containerd", "kubelet")
"""What every node runs."""

ENDPOINT_SERVICES = ("keepalived", "haproxy")
"""What a control plane runs where the virtual address is made of them (roles/api_endpoint)."""

_SERVICES_FOLLOW = "--services--"

_SCRIPT = r"""
out() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }
nft list tables 2>/dev/null | while read -r _ family name; do
  case $name in "$table"*) out table "$family $name" ;; esac
done
tc qdisc show 2>/dev/null | while read -r _ kind _ _ dev root rest; do
  case "$kind $root $dev" in "netem root veth"* | "tbf root veth"*) ;; "netem root "* | "tbf root "*)
    out qdisc "$kind $dev" "$rest" ;;
  esac
done
systemctl list-units --all --plain --no-legend --no-pager "$undo*" "$fault*" | while read -r unit _ active _; do
  [ -n "$unit" ] && out unit "$unit" "$active"
done
for name in $manifests; do [ -s "$root$folder/$name.yaml" ] || out manifest "$name"; done
for file in "$root$parked"/*; do [ -e "$file" ] && out parked "${file##*/}"; done
for kept in $kepts; do find "$root$kept" -maxdepth 1 -name "*$suffix" 2>/dev/null; done | while read -r file; do
  out kept "$file"
done
grep -sl '^State:.T (stopped)' /proc/[0-9]*/status | while IFS=/ read -r _ _ pid _; do
  grep -qs user.slice "/proc/$pid/cgroup" || out frozen "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null)"
done
timeout 5 ctr -n k8s.io task ls 2>/dev/null | while read -r id _ state; do
  [ "$state" = PAUSED ] && out paused "$id"
done
for fill in $fills; do
  find "$root$fill" -maxdepth 1 -name "$file_prefix*" 2>/dev/null
done | while read -r file; do out fill "$file" "$(stat -c %s "$file" 2>/dev/null)"; done
echo --services--
systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p FreezerState $services
"""
"""Nobody's fault: a discipline on a pod's own veth (the bandwidth plugin's), and what is stopped in
a user's session (user.slice: a job that its owner stopped with Ctrl-Z)."""


@dataclass(frozen=True, order=True, slots=True)
class Residue:
    """One thing that a fault left.

    ``kind`` says how it is put back, ``where`` is a node or "cluster".
    """

    kind: str
    where: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        text = _WORDS[self.kind].format(what=self.what, detail=self.detail)
        return f"{self.where}: {text}"


_WORDS = {
    "unreachable": "{what}: {detail}",
    "table": "firewall table {what} of a fault is still there",
    "qdisc": "queueing discipline {what} slows the network down ({detail})",
    "unit": "unit {what} of a fault is still there ({detail})",
    "manifest": "static pod manifest of {what} is missing from " + MANIFESTS,
    "parked": f"manifest {{what}} of a fault is still parked in {PARKED}",
    "kept": "{what} is still kept aside, and something of a fault in its place",
    "frozen": "process {what} ({detail}) is frozen (state T)",
    "paused": "container {what} is paused",
    "fill": "{what} of a fault is still there ({detail} bytes)",
    "service": "service {what} is {detail}, expected active",
    "api": "the API does not answer, so cordons, namespaces and pods are not known: {detail}",
    "cordon": "left behind: cordoned",
    "taint": "left behind: taint {what}",
    "namespace": "namespace still there: {what}",
    "pod": "pod still there: {what}",
    "watchdog": "power watchdog still armed ({detail})",
    "process": "process {what} ({detail}) of a run that is over still runs",
}
"""Kind of residue → how it is told."""


def script(node: Node, root: str = "") -> str:
    """Return the script for one node.

    ``root`` is put before each path that is looked at (tests).
    """
    variables = {
        "root": root,
        "table": TABLE,
        "undo": UNIT_PREFIX,
        "fault": LOAD_PREFIX,
        "folder": MANIFESTS,
        "manifests": " ".join(STATIC_PODS) if node.is_control_plane else "",
        "parked": PARKED,
        "kepts": " ".join(KEPT_FOLDERS),
        "suffix": KEPT,
        "fills": " ".join(FILL_FOLDERS),
        "file_prefix": FILL_PREFIX,
        "services": " ".join(expected_services(node)),
    }
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in variables.items()) + _SCRIPT


def expected_services(node: Node) -> tuple[str, ...]:
    """Services that a node of this role runs."""
    return (*SERVICES, *ENDPOINT_SERVICES) if node.is_control_plane else SERVICES


def parse(node: str, text: str) -> list[Residue]:
    r"""Make findings of what the script printed.

    >>> [str(found) for found in parse("w1", "frozen\t4711\tkubelet\n--services--\n")]
    ['w1: process 4711 (kubelet) is frozen (state T)']
    """
    lines, _, services = text.partition(_SERVICES_FOLLOW)
    rows = [line.split("\t") for line in lines.splitlines() if "\t" in line]
    found = [Residue(kind, node, what, *rest) for kind, what, *rest in rows]
    return found + [Residue("service", node, name, lacks) for name, lacks in _services(services)]


def _services(text: str) -> list[tuple[str, str]]:
    """Services that do not run, with what they are instead.

    One that is not installed or is disabled is nobody's.
    """
    found = []
    for block in text.strip().split("\n\n"):
        state = dict(line.partition("=")[::2] for line in block.splitlines())
        name = state.get("Id", "").removesuffix(".service")
        lacks = _lacks(name, state)
        if lacks:
            found.append((name, lacks))
    return found


def _lacks(name: str, state: dict[str, str]) -> str:
    if not name:
        return ""
    absent = state.get("LoadState") == "not-found" or state.get("UnitFileState") == "disabled"
    active = state.get("ActiveState", "unknown")
    if name in ENDPOINT_SERVICES and absent and active != "active":
        return ""
    if state.get("UnitFileState", "").startswith("masked"):
        return f"{active} and masked"
    if state.get("FreezerState", "running") not in ("running", ""):
        return state["FreezerState"]
    return "" if active == "active" else active
