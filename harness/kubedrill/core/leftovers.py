"""What a drill must not leave behind, on the nodes, in the cluster and on the harness host.

What that is, the registered faults know (:mod:`kubedrill.faults.traces`). :func:`scan` lists what
is left now (``kubedrill heal``); :func:`find_leftovers` compares with the :class:`Baseline` from
before a drill.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from kubedrill.apps import APPLIED_LABEL
from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.hosts import HostUnreachable
from kubedrill.faults.drain import CORDON, TAINT, node_marks
from kubedrill.faults.in_cluster import DRILL_LABEL, NO_API
from kubedrill.faults.power import UNREACHABLE
from kubedrill.faults.traces import (
    TRACES,
    ClusterTrace,
    HarnessTrace,
    Leftover,
    NodeTrace,
    Objects,
)

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.context import Cluster
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.faults.traces import Trace

SCAN_S = 30.0
"""Seconds for the script on one node; it takes about one on a node that has nothing else to do."""

_SECTION = re.compile(r"^--(\w+)--\n", re.MULTILINE)


@dataclass(frozen=True)
class Baseline:
    """What was there before a drill.

    ``marks`` are those that schedulers obey, as "w1: cordoned", and ``leftovers`` everything else.
    """

    marks: frozenset[str]
    leftovers: frozenset[Leftover] = frozenset()

    @classmethod
    def read(cls, cluster: Cluster) -> Baseline:
        """Read it from the live nodes."""
        marks = frozenset(f"{node}: {mark}" for node, mark in node_marks(cluster.api.nodes()))
        return cls(marks, frozenset(scan(cluster.inventory, cluster.hosts, cluster.api)))


def find_leftovers(cluster: Cluster, before: Baseline) -> list[str]:
    """What differs from before the drill, in words; [] when the cluster is as it was."""
    after = Baseline.read(cluster)
    texts = [f"left behind: {mark}" for mark in sorted(after.marks - before.marks)]
    texts += [f"lost: {mark}" for mark in sorted(before.marks - after.marks)]
    new = sorted(after.leftovers - before.leftovers)
    return texts + [str(item) for item in new if item.trace not in (CORDON, TAINT)]


def find_blocking(inventory: Inventory, hosts: Hosts, api: ClusterApi | None) -> list[Leftover]:
    """What a drill must not begin on top of.

    Kubedrill's own, and services that are enabled but do not run.
    """
    return [item for item in scan(inventory, hosts, api) if item.trace.ours(item)]


def scan(
    inventory: Inventory, hosts: Hosts, api: ClusterApi | None, namespaces: tuple[str, ...] = ()
) -> list[Leftover]:
    """Everything that a fault may have left.

    Reads only, raises nothing for what does not answer: that is one more thing.

    Takes about a second. ``api`` None: the cluster's own objects are not read. ``namespaces``
    names those that count beside the labelled ones: the app's and the probes', which belong there
    only while a run is under way, as does one that was made for an application of the user's own.
    """
    in_cluster = scan_api(api, namespaces) if api else []
    return [*scan_nodes(inventory, hosts), *in_cluster, *scan_harness_host(inventory)]


def scan_nodes(inventory: Inventory, hosts: Hosts) -> list[Leftover]:
    """Read each node over SSH; needs no API."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda node: _scan_node(hosts, node), inventory.nodes)
        return [item for answer in answers for item in answer]


def _scan_node(hosts: Hosts, node: Node) -> list[Leftover]:
    try:
        return parse(node.name, hosts.read(node, script(node), SCAN_S).stdout)
    except (HostUnreachable, DeadlineExceeded, StepFailed) as error:
        return [Leftover(UNREACHABLE.kind, node.name, "could not be looked at", str(error))]


def script(node: Node, root: str = "") -> str:
    """Return the shell that reads one node: a section for each trace.

    ``root`` is put before each path (tests).
    """
    sections = [
        f"echo --{trace.kind}--\n{trace.detect(node)}"
        for trace in _by_stage()
        if isinstance(trace, NodeTrace)
    ]
    head = f"""root='{root}'\nout() {{ printf '%s\\t%s\\n' "$1" "$2"; }}"""
    return "\n".join([head, *sections, "true"])


def parse(node: str, text: str) -> list[Leftover]:
    r"""Make leftovers of what the script printed.

    >>> [str(item) for item in parse("w1", "--frozen--\n4711\tkubelet\n--service--\n")]
    ['w1: process 4711 (kubelet) is frozen (state T)']
    """
    _, *parts = _SECTION.split(text)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    return [
        Leftover(trace.kind, node, *fields)
        for trace in _by_stage()
        if isinstance(trace, NodeTrace)
        for fields in trace.parse(sections.get(trace.kind, ""))
    ]


def scan_api(api: ClusterApi, namespaces: tuple[str, ...] = ()) -> list[Leftover]:
    """Read the cluster's objects: cordons, taints, namespaces and pods of a drill."""
    labels = frozenset({DRILL_LABEL, *([APPLIED_LABEL] if namespaces else [])})
    try:
        nodes, spaces = api.nodes(), api.core.list_namespace().items
        objects = Objects(nodes, spaces, api.pods(selector=DRILL_LABEL), labels, namespaces)
    except (ApiUnavailable, ApiException) as error:
        reason = f"{error.status} {error.reason}" if isinstance(error, ApiException) else str(error)
        return [Leftover(NO_API.kind, "cluster", "no answer", reason)]
    return [
        Leftover(trace.kind, *fields)
        for trace in _by_stage()
        if isinstance(trace, ClusterTrace)
        for fields in trace.detect(objects)
    ]


def scan_harness_host(inventory: Inventory) -> list[Leftover]:
    """Read what watches on this host."""
    return [
        Leftover(trace.kind, *fields)
        for trace in _by_stage()
        if isinstance(trace, HarnessTrace)
        for fields in trace.detect(inventory)
    ]


def _by_stage() -> list[Trace]:
    return sorted(TRACES.values(), key=lambda trace: trace.stage)
