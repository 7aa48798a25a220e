"""What the faults that are made by a command on a node share: undo first, then break.

Put back, then disarm.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.hosts import HostUnreachable
from kubedrill.cluster.undo_timer import (
    LIST_UNITS,
    LOAD_PREFIX,
    STORE,
    UNIT_PREFIX,
    NodeUndo,
    forget_line,
    units_on,
)
from kubedrill.faults.base import injecting
from kubedrill.faults.traces import NodeTrace, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedrill.cluster.context import Cluster


ASIDE = ".kubedrill-fault"
"""What the name of a file gets at its end while something of a fault stands in its place."""

FILE_PREFIX = "kubedrill-fault"
"""What the names of a fault's files begin with."""

NO_CONTAINER = "! systemd-detect-virt --container --quiet"
"""Asks whether a node has a clock, disks, memory and processors of its own."""

_FILE_FOLDERS = (
    "/", "/tmp", "/var/tmp", "/run", "/dev/shm", "/var/lib", "/var/log",  # noqa: S108 - looked into, not written to
    "/var/lib/etcd", "/var/lib/containerd", "/var/lib/kubelet",
)  # fmt: skip
"""Where a fault's files may stand. Not in /etc/kubernetes: what is parked there is needed."""

_ASIDE_FOLDERS = (
    "/var/lib/etcd",
    "/etc/kubernetes",
    "/etc/kubernetes/pki",
    "/var/lib/kubelet/pki",
)


@dataclass(frozen=True, slots=True)
class Script:
    """How a node is broken and put back: two texts for ``sh``.

    ``what`` names the undo's unit, as "kubelet-stop".

    ``undo`` is safe to repeat, and where nothing was broken.
    """

    what: str
    inject: str
    undo: str


def read_script(name: str, *arguments: str) -> str:
    """Return the text of a script of this package for ``sh``, with its arguments set."""
    text = (Path(__file__).with_name("scripts") / name).read_text(encoding="utf-8")
    return f"set -- {shlex.join(arguments)}\n{text}" if arguments else text


def undo_seconds(cluster: Cluster) -> float:
    """How long a fault may last before the node puts itself right.

    The wait for NotReady, and for recovery.
    """
    return cluster.settings.timeouts.node_not_ready + cluster.settings.timeouts.recovery


def inject(cluster: Cluster, node: str, script: Script) -> None:
    """Arm the undo on the node, then break it.

    Raises:
        KubedrillError: the undo could not be armed (then nothing was broken) or the fault could not
            be made: the harness's failure, not the cluster's.
    """
    arm(cluster, NodeUndo(cluster.hosts, node, script.what, script.undo))
    with injecting():
        cluster.hosts.change(node, ["/bin/sh", "-c", script.inject])


def arm(cluster: Cluster, undo: NodeUndo) -> None:
    """Arm a fault's undo. Raises KubedrillError where that fails: nothing may be broken then."""
    with injecting("the undo could not be armed, so nothing was broken"):
        undo.arm(undo_seconds(cluster))


def ask(cluster: Cluster, node: str, question: str, refusal: str) -> str | None:
    """Ask a node whether a fault can be made there; returns None for yes, else why not.

    ``{errors}`` in ``refusal`` is what the command printed to its standard error.
    """
    try:
        result = cluster.hosts.read(node, question, check=False)
    except (StepFailed, DeadlineExceeded) as error:
        return str(error)
    errors = " ".join(result.stderr.split())[:200] or f"it ended with {result.rc}"
    return None if result.ok else refusal.replace("{errors}", errors)


def heal(cluster: Cluster, node: str, script: Script) -> None:
    """Put the node back and disarm the undo, which stays armed where that failed.

    Raises:
        StepFailed: the node is out of reach or refused; carries its own words.
        DeadlineExceeded: the node did not answer in time.
    """
    undo = NodeUndo(cluster.hosts, node, script.what, script.undo)
    undo.run()
    undo.disarm()


def occupied(cluster: Cluster, node: str) -> str | None:
    """Why a node takes no further fault: it is out of reach, or has one already.

    None when it is free.
    """
    try:
        units = units_on(cluster.hosts, node)
    except (HostUnreachable, DeadlineExceeded) as error:
        return str(error)
    # A control plane also keeps the undos of other nodes' cordons: cp1 that of cp10.
    prefixes = (f"{UNIT_PREFIX}{node}.", f"{UNIT_PREFIX}{node}-", LOAD_PREFIX)
    mine = [unit for unit in units if unit.startswith(prefixes)]
    return (
        f"{node} has a fault already: {', '.join(mine)}; one fault a node. Heal it first"
        if mine
        else None
    )


def etcd_majority(cluster: Cluster, *lost: str) -> str | None:
    """Why etcd would lose its quorum with the members on these nodes.

    None when a majority of all members is left.

    Members are asked live: one that is down already, or a learner, does not count as left.
    """
    gone = set(lost)
    if not any(node.name in gone for node in cluster.inventory.control_planes):
        return None
    members = cluster.api.etcd_members()
    left = [
        member.node
        for member in members
        if not member.error and not member.is_learner and member.node not in gone
    ]
    needed = len(members) // 2 + 1
    if len(left) >= needed:
        return None
    return (
        f"etcd would be below quorum: {len(left)} of {len(members)} members left without "
        f"{', '.join(sorted(gone))}, "
        f"needs {needed}"
    )


def quorum_stands(cluster: Cluster, nodes: Iterable[str], lost: tuple[str, ...]) -> str | None:
    """Why etcd's quorum cannot be taken away.

    A node has a fault already, etcd is not whole, or outlives ``lost``.
    """
    for name in nodes:
        reason = occupied(cluster, name)
        if reason:
            return reason
    broken = [
        f"etcd on {member.node}: {member.error}"
        for member in cluster.api.etcd_members()
        if member.error
    ]
    if broken:
        return "; ".join(broken)
    whole = f"etcd keeps its quorum without {', '.join(lost)}"
    return None if etcd_majority(cluster, *lost) else whole


_DETECT_UNITS = f"""\
{LIST_UNITS} | while read -r unit _ active _; do
  [ -n "$unit" ] && out "$unit" "${{active:-stored}}"
done"""


def _end_unit(unit: str) -> str:
    """End what breaks; an armed undo is run now, and only disarmed after it succeeded.

    One that is only stored is armed first.
    """
    if not unit.startswith(UNIT_PREFIX):
        return f"systemctl stop {shlex.quote(unit)}"
    name = unit.rpartition(".")[0]
    base, stored = shlex.quote(name), shlex.quote(f"{STORE}/{name}.timer")
    arm = (
        f"if [ -e {stored} ] && ! systemctl cat {base}.timer >/dev/null 2>&1; "
        f"then /bin/sh {stored}; fi"
    )
    forget = f"systemctl reset-failed {base}.service 2>/dev/null"
    run = f"systemctl start --wait {base}.service"
    return f"{arm}; {run} && {{ {forget_line(name)}; {forget}; true; }}"


def _find(folders: Iterable[str], name: str, command: str) -> str:
    places = " ".join(f'"$root{folder}"' for folder in folders)
    return (
        f"for folder in {places}; do\n"
        f"  find \"$folder\" -maxdepth 1 -name '{name}' 2>/dev/null\n"
        f"done | while read -r file; do {command}; done"
    )


def _take_back(aside: str) -> str:
    """Give a file or folder its name back.

    A fault's file is overwritten; a folder in its place is somebody's data. etcd takes no member
    back that was removed from it, so its old data are of no use then.
    """
    old, place = shlex.quote(aside), shlex.quote(aside.removesuffix(ASIDE))
    added = shlex.quote(f"{aside.rpartition('/')[0]}/kubedrill-fault-added")
    both = f"echo {old} and {place} are both there: keep one of them by hand >&2; exit 1"
    removed = (
        "echo the member was removed from etcd already: join a new one, "
        "see docs/how-to/repair-etcd.md >&2; exit 1"
    )
    return (
        f"if [ -e {added} ]; then {removed}; elif [ -d {old} ] && [ -e {place} ]; then {both}; "
        f"elif [ -e {old} ]; then mv -fT {old} {place}; fi"
    )


UNITS = NodeTrace(
    kind="unit",
    text="unit {what} of a fault is still there ({detail})",
    stage=Stage.UNDO,
    detect=lambda _node: _DETECT_UNITS,
    repair=_end_unit,
)
"""An armed undo, or a transient unit that is a fault itself."""

ASIDES = NodeTrace(
    kind="aside",
    text="{what} is still kept aside, and something of a fault in its place",
    stage=Stage.ASIDE,
    detect=lambda _node: _find(_ASIDE_FOLDERS, f"*{ASIDE}", 'out "$file"'),
    repair=_take_back,
)

FILES = NodeTrace(
    kind="file",
    text="{what} of a fault is still there ({detail} bytes)",
    stage=Stage.FILE,
    needed_by=("unit", "aside"),
    detect=lambda _node: _find(
        _FILE_FOLDERS, f"{FILE_PREFIX}*", 'out "$file" "$(stat -c %s "$file" 2>/dev/null)"'
    ),
    repair=lambda file: f"rm -rf -- {shlex.quote(file)}",
)
