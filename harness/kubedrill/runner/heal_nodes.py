"""The commands that put one thing back on a node, by kind of residue. Each may be run again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kubedrill.cluster.undo_timer import UNIT_PREFIX
from kubedrill.faults.on_node import KEPT
from kubedrill.faults.services import MANIFESTS, PARKED
from kubedrill.faults.shaping import MARKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.residue import Residue

REPAIR_S = 120.0
"""Seconds for one repair on one node; the longest, starting a kubelet or an undo that uncordons,
takes some seconds."""


def command(item: Residue) -> str:
    """Return the shell command that puts one thing back on its node.

    >>> from kubedrill.core.residue import Residue
    >>> command(Residue("table", "cp1", "inet kubedrill_fault"))
    'nft delete table inet kubedrill_fault'
    """
    return ON_NODE[item.kind](item.what)


def _table(what: str) -> str:
    return f"nft delete table {shlex.join(what.split())}"


def _qdisc(what: str) -> str:
    """Delete a discipline of kubedrill.faults.shaping; one that looks like the owner's is left."""
    kind, dev = what.split()
    shown = f"tc qdisc show dev {shlex.quote(dev)} | grep -E 'qdisc {kind} .*root' | grep -Eq '{'|'.join(MARKS)}'"
    owner = f"echo it is not one that kubedrill makes: 'tc qdisc del dev {dev} root' if nobody needs it >&2; exit 1"
    return f"if {shown}; then tc qdisc del dev {shlex.quote(dev)} root; else {owner}; fi"


def _frozen(what: str) -> str:
    return f"kill -CONT {int(what)}"


def _paused(what: str) -> str:
    return f"ctr -n k8s.io task resume {shlex.quote(what)}"


def _fill(what: str) -> str:
    return f"rm -rf -- {shlex.quote(what)}"


def _unit(what: str) -> str:
    """End what breaks; an armed undo is run now, and only disarmed after it succeeded."""
    if not what.startswith(UNIT_PREFIX):
        return f"systemctl stop {shlex.quote(what)}"
    base = shlex.quote(what.rpartition(".")[0])
    stop = f"systemctl stop {base}.timer 2>/dev/null; systemctl reset-failed {base}.service 2>/dev/null; true"
    return f"systemctl start --wait {base}.service && {{ {stop}; }}"


def _service(what: str) -> str:
    unit = shlex.quote(what)
    ready = [
        f"systemctl unmask {unit}",
        f"systemctl unmask --runtime {unit}",
        f"systemctl thaw {unit}",
    ]
    ready += [f"systemctl reset-failed {unit}"]
    return "; ".join(f"{word} >/dev/null 2>&1" for word in ready) + f"; systemctl start {unit}"


def _manifest(what: str) -> str:
    return _parked(f"{what}.yaml")


def _parked(what: str) -> str:
    """Move a manifest back. One that stands in its place is kept, and the parked one goes only if it is the same."""
    parked, place = shlex.quote(f"{PARKED}/{what}"), shlex.quote(f"{MANIFESTS}/{what}")
    differs = (
        f"echo {place} is in place and differs from {parked}: keep one of them by hand >&2; exit 1"
    )
    missing = f"echo there is no copy at {parked}: put the manifest back by hand >&2; exit 1"
    return (
        f"if [ ! -e {parked} ]; then [ -s {place} ] || {{ {missing}; }}; "
        f"elif [ ! -s {place} ]; then mv {parked} {place}; "
        f"elif cmp -s {parked} {place}; then rm {parked}; else {differs}; fi; "
        f"rmdir {PARKED} 2>/dev/null; true"
    )


def _kept(what: str) -> str:
    """Give a file or folder its name back.

    A fault's file is overwritten; a folder in its place is somebody's data.

    etcd takes no member back that was removed from it, so its old data are of no use then.
    """
    kept, place = shlex.quote(what), shlex.quote(what.removesuffix(KEPT))
    added = shlex.quote(f"{what.rpartition('/')[0]}/kubedrill-fault-added")
    both = f"echo {kept} and {place} are both there: keep one of them by hand >&2; exit 1"
    removed = "echo the member was removed from etcd already: join a new one, docs/explanation/drills.md tells how >&2; exit 1"
    return (
        f"if [ -e {added} ]; then {removed}; elif [ -d {kept} ] && [ -e {place} ]; then {both}; "
        f"elif [ -e {kept} ]; then mv -fT {kept} {place}; fi"
    )


ON_NODE: dict[str, Callable[[str], str]] = {
    "table": _table,
    "frozen": _frozen,
    "paused": _paused,
    "unit": _unit,
    "qdisc": _qdisc,
    "kept": _kept,
    "fill": _fill,
    "service": _service,
    "manifest": _manifest,
    "parked": _parked,
}
"""Kind of residue → command, in the order in which they are tried: a frozen or masked service
cannot run an undo."""
