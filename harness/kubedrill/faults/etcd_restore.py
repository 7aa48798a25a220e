"""Most of etcd's data are gone for good, and every member is restored from a snapshot."""

from __future__ import annotations

import base64
import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.etcd import ETCDCTL, Listed
from kubedrill.cluster.undo_timer import NodeUndo
from kubedrill.faults import on_node
from kubedrill.faults.base import Effect, for_each, injecting
from kubedrill.faults.etcd_data import DATA, FOLDER, NO_DATA, REPLACE_S, lose, start
from kubedrill.faults.on_node import ASIDE
from kubedrill.faults.static_pods import STATIC_POD_TRACES
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

BUMP = 1_000_000_000
"""What a restored snapshot's revisions are raised by, so that no watcher sees one twice (etcd's
documentation, Disaster recovery: ``--bump-revision`` with ``--mark-compacted``, a figure above all
revisions since the snapshot)."""

_PARTS = ("etcd", "kube-apiserver")
_GONE = lose("gone", _PARTS)
_EMPTY_FOLDER = f"umask 077; rm -rf {FOLDER} && mkdir {FOLDER}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of etcd, packed, in the memory of the harness.

    It holds every Secret and is written nowhere here.
    """

    packed: bytes = field(repr=False)
    revision: int
    keys: int


@register
@dataclass
class QuorumGone(Effect):
    """The data of the etcd members on ``lost`` are gone for good.

    ``nodes`` are all members. :meth:`restore` follows.

    ``restored`` is set once the restored etcd serves: then healing removes the old data instead of
    putting them back.
    """

    traces: ClassVar[tuple[Trace, ...]] = (
        *STATIC_POD_TRACES,
        on_node.ASIDES,
        on_node.FILES,
        on_node.UNITS,
    )
    stops_etcd: ClassVar[bool] = True

    lost: tuple[str, ...]
    nodes: tuple[str, ...]
    subject: str = "etcd"
    name: str = "quorum lost for good"
    restored: bool = False

    evidence = "etcd's data are moved aside on most of its nodes"
    lasts = False  # until they are restored

    def available(self, cluster: Cluster) -> str | None:
        """Why not: a node has a fault already, etcd is not whole, or would keep its quorum."""
        return on_node.quorum_stands(cluster, self.nodes, self.lost)

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Look for the data of those that are lost; the others go on."""
        if place not in self.lost:
            return None
        return on_node.ask(cluster, place, NO_DATA, "it has its data")

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo on every member, then take the data of the lost ones.

        Raises KubedrillError.
        """
        for name in self.nodes:
            on_node.arm(cluster, _undo(cluster, name))
        with injecting():
            _each(self.lost, lambda name: cluster.hosts.change(name, _GONE.inject))

    def restore(self, cluster: Cluster, snapshot: Snapshot, members: list[Listed]) -> None:
        """Stop what is left, make every member's data anew from the snapshot, start all of them.

        Raises:
            StepFailed: names each node on which it failed; nothing was started then.
        """
        _each(self.nodes, lambda name: cluster.hosts.change(name, _GONE.inject))
        _each(self.nodes, lambda name: _unpack(cluster, name, snapshot, members))
        _each(self.nodes, lambda name: cluster.hosts.change(name, start(*_PARTS)))

    def heal(self, cluster: Cluster) -> None:
        """Give every member its old data back, or, where the restored etcd serves, remove them.

        Raises:
            StepFailed: names each node that refused.
        """
        if not self.restored:
            _each(self.nodes, lambda name: on_node.heal(cluster, name, _GONE))
            return
        # All timers first: a harness that dies between two of them must not leave one member with
        # old data.
        _each(self.nodes, lambda name: _undo(cluster, name).disarm())
        _each(
            self.nodes,
            lambda name: cluster.hosts.change(name, f"rm -rf {DATA}/member{ASIDE} {FOLDER}"),
        )


def take_snapshot(cluster: Cluster, node: str) -> Snapshot:
    """Save a snapshot on a member, verify it, bring it here, and leave nothing of it on the node.

    Raises:
        StepFailed: it could not be saved, or holds nothing.
    """
    file = f"{FOLDER}/snapshot.db"
    etcdctl = ETCDCTL.replace("=4s", "=50s")
    save = f"{_EMPTY_FOLDER} && {etcdctl} snapshot save {file} >&2"
    try:
        cluster.hosts.change(node, save)
        status = json.loads(
            cluster.hosts.read(node, ["etcdutl", "snapshot", "status", file, "-w", "json"]).stdout
        )
        packed = base64.b64decode(
            cluster.hosts.read(node, f"gzip -1 -c {file} | base64 -w0").stdout
        )
    finally:
        cluster.hosts.change(node, ["rm", "-rf", FOLDER], check=False)
    if not status.get("totalKey"):
        raise StepFailed(
            f"the snapshot that {node} saved holds no key; expected the cluster's objects"
        )
    return Snapshot(packed, int(status["revision"]), int(status["totalKey"]))


def restoring(node: str, members: list[Listed], data: str = DATA) -> str:
    """What makes a member's data from the snapshot that stands in :data:`FOLDER`."""
    url = next(one.peer_url for one in members if one.name == node)
    everybody = ",".join(f"{one.name}={one.peer_url}" for one in members)
    made = f"{data}/kubedrill-fault-restored"
    return (
        f"umask 077; rm -rf {made} {data}/member && "
        f"etcdutl snapshot restore {FOLDER}/snapshot.db --name={shlex.quote(node)} "
        f"--initial-cluster={shlex.quote(everybody)} "
        f"--initial-advertise-peer-urls={shlex.quote(url)} "
        "--initial-cluster-token=kubedrill-restored "
        f"--data-dir={made} --bump-revision={BUMP} --mark-compacted >&2 "
        f"&& mv {made}/member {data}/member && rm -rf {made} {FOLDER}"
    )


def _unpack(cluster: Cluster, node: str, snapshot: Snapshot, members: list[Listed]) -> None:
    """Put the snapshot on a node, through the command's input.

    It never stands in a command line or a log.
    """
    text = base64.b64encode(snapshot.packed).decode()
    line = f"{_EMPTY_FOLDER} && base64 -d | gzip -d > {FOLDER}/snapshot.db"
    sent = cluster.hosts.change(node, line, check=False, stdin=text)
    if not sent.ok:
        raise StepFailed(f"{node}: the snapshot could not be written: {sent.stderr.strip()[-300:]}")
    cluster.hosts.change(node, restoring(node, members), REPLACE_S)


def _undo(cluster: Cluster, node: str) -> NodeUndo:
    return NodeUndo(cluster.hosts, node, _GONE.what, _GONE.undo)


def _each(nodes: Iterable[str], work: Callable[[str], object]) -> None:
    """Do something on several nodes at once; each is tried though another one fails.

    Raises:
        StepFailed: names each that failed.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:
        jobs = {name: pool.submit(work, name) for name in nodes}
    for_each(jobs, lambda name: jobs[name].result())
