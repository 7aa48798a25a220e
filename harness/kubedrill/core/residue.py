"""What a drill must not leave behind, on the nodes, in the cluster and on the harness host.

:func:`scan` is for anybody who wants to know what is left now (``kubedrill heal``);
:func:`find_residue` compares with the :class:`Marks` from before a drill.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from kubernetes.client import ApiException

from kubedrill.apps import APPLIED_LABEL
from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster import watchdog
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.hosts import HostUnreachable
from kubedrill.cluster.watchdog import armed_watchdogs, runtime_dir
from kubedrill.core.residue_nodes import Residue, parse, script
from kubedrill.faults.shaping import MARKS

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.context import Cluster
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

__all__ = [
    "DRILL_NAMESPACE_LABEL",
    "Marks",
    "Residue",
    "end_process",
    "find_residue",
    "leftovers",
    "scan",
]

DRILL_NAMESPACE_LABEL = "kubedrill.io/drill"
"""Namespaces and pods that a drill makes carry this label and are deleted with it."""

OWN_TAINT = "kubedrill.io/"
"""Prefix of the taints that a drill sets; others belong to the cluster's owner."""

SCAN_S = 30.0
"""Seconds for the script on one node; it takes about one on a node that has nothing else to do."""

_NEEDS_A_BASELINE = ("manifest", "frozen", "cordon", "qdisc")
"""Kinds that a cluster's owner may have made so, by a choice of design or by hand; a health check
judges them."""


@dataclass(frozen=True)
class Marks:
    """What was there before a drill: marks that schedulers obey, as "w1.

    Cordoned", and everything else by scan.
    """

    marks: frozenset[str]
    residue: frozenset[Residue] = frozenset()

    @classmethod
    def read(cls, cluster: Cluster) -> Marks:
        """Read them from the live nodes."""
        return cls(
            _marks(cluster.api), frozenset(scan(cluster.inventory, cluster.hosts, cluster.api))
        )


def find_residue(cluster: Cluster, before: Marks) -> list[str]:
    """What differs from before the drill, in words; [] when the cluster is as it was."""
    after = Marks.read(cluster)
    found = [f"left behind: {mark}" for mark in sorted(after.marks - before.marks)]
    found += [f"lost: {mark}" for mark in sorted(before.marks - after.marks)]
    new = [
        item
        for item in sorted(after.residue - before.residue)
        if item.kind not in ("cordon", "taint")
    ]
    return found + [str(item) for item in new]


def leftovers(inventory: Inventory, hosts: Hosts, api: ClusterApi | None) -> list[Residue]:
    """Residue that a drill must not begin on top of.

    Kubedrill's own, and services that are enabled but do not run.
    """
    return [
        item
        for item in scan(inventory, hosts, api)
        if item.kind not in _NEEDS_A_BASELINE or _is_ours(item)
    ]


def _is_ours(item: Residue) -> bool:
    """Whether something that an owner may have made so too is a fault's.

    A discipline with a fault's own figures.
    """
    return item.kind == "qdisc" and any(mark in item.detail for mark in MARKS)


def scan(
    inventory: Inventory, hosts: Hosts, api: ClusterApi | None, namespaces: tuple[str, ...] = ()
) -> list[Residue]:
    """Everything that a fault may have left.

    Reads only, raises nothing for what does not answer: that is told too.

    Takes about a second. ``api`` None: the cluster's own objects are not looked at. ``namespaces``
    names those that count beside the labelled ones: the app's and the probes', which belong there
    only while a run is under way, as does one that was made for an application of the user's own.
    """
    in_cluster = scan_api(api, namespaces) if api else []
    return [*scan_nodes(inventory, hosts), *in_cluster, *scan_harness_host(inventory)]


def scan_nodes(inventory: Inventory, hosts: Hosts) -> list[Residue]:
    """Look at each node over SSH; needs no API."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda node: _scan_node(hosts, node), inventory.nodes)
        return [item for answer in answers for item in answer]


def _scan_node(hosts: Hosts, node: Node) -> list[Residue]:
    try:
        return parse(node.name, hosts.read(node, script(node), SCAN_S).stdout)
    except (HostUnreachable, DeadlineExceeded, StepFailed) as error:
        return [Residue("unreachable", node.name, "could not be looked at", str(error))]


def scan_api(api: ClusterApi, namespaces: tuple[str, ...] = ()) -> list[Residue]:
    """Look at the cluster's objects: cordons, taints, namespaces and pods of a drill."""
    try:
        found = [_mark(text) for text in sorted(_marks(api))]
        spaces = api.core.list_namespace().items
        pods = api.pods(selector=DRILL_NAMESPACE_LABEL)
    except (ApiUnavailable, ApiException) as error:
        words = f"{error.status} {error.reason}" if isinstance(error, ApiException) else str(error)
        return [Residue("api", "cluster", "no answer", words)]
    ours = {DRILL_NAMESPACE_LABEL, *([APPLIED_LABEL] if namespaces else [])}
    labelled = {
        item.metadata.name for item in spaces if ours.intersection(item.metadata.labels or {})
    }
    names = [
        item.metadata.name for item in spaces if item.metadata.name in labelled.union(namespaces)
    ]
    marks = [item for item in found if item.kind == "cordon" or item.what.startswith(OWN_TAINT)]
    alone = [pod for pod in pods if pod.metadata.namespace not in names]
    return [
        *marks,
        *[Residue("namespace", "cluster", name) for name in names],
        *[
            Residue("pod", "cluster", f"{pod.metadata.namespace}/{pod.metadata.name}")
            for pod in alone
        ],
    ]


def scan_harness_host(inventory: Inventory) -> list[Residue]:
    """Look for armed undos of power cuts on this host, and for watching processes that should have ended with them."""
    armed = [
        Residue("watchdog", node, "watchdog", "on the harness host")
        for node in armed_watchdogs(inventory)
    ]
    over = [
        pid
        for pid, process in _watching(inventory).items()
        if not Path(process.info["cmdline"][-1]).exists()
    ]
    return armed + [Residue("process", "the harness host", str(pid), "watchdog") for pid in over]


def end_process(inventory: Inventory, pid: int) -> None:
    """End a watching process of this cluster.

    One that is gone, or has become another's, is left alone.
    """
    process = _watching(inventory).get(pid)
    if process is not None:
        process.terminate()


def _watching(inventory: Inventory) -> dict[int, psutil.Process]:
    """The watching processes of this cluster on this host, by process id."""
    mine = str(runtime_dir() / f"undo-{inventory.name}-")
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if watchdog.__name__ in line and line[-1].startswith(mine):
            found[process.pid] = process
    return found


def _marks(api: ClusterApi) -> frozenset[str]:
    found = set()
    for node in api.nodes():
        name = node.metadata.name
        if node.spec.unschedulable:
            found.add(f"{name}: cordoned")
        for taint in node.spec.taints or []:
            found.add(f"{name}: taint {taint.key}={taint.value or ''}:{taint.effect}")
    return frozenset(found)


def _mark(text: str) -> Residue:
    node, _, mark = text.partition(": ")
    return (
        Residue("cordon", node, "cordoned")
        if mark == "cordoned"
        else Residue("taint", node, mark[len("taint ") :])
    )
