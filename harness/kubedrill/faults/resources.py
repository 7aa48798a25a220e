"""A node runs out of disk, memory or processor time, for a bounded time and to a bounded degree.

Each load is a file or a transient systemd unit ``kubedrill-fault-*`` that ends by itself; the undo
timer on the node ends it too. A node that is a container has no disk, memory or processors of its
own: what it uses up is missing on its host and on every other node there, so the fault is not
available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.cluster.undo_timer import LOAD_PREFIX
from kubedrill.faults import on_node
from kubedrill.faults.base import require_known
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import Script
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

DISKS = {"etcd": "/var/lib/etcd", "containerd": "/var/lib/containerd", "root": "/"}
"""Whose filesystem is filled → a folder on it (kubeadm's and containerd's defaults)."""

KEEP_PERCENT = 1
"""Share of the filesystem that stays free: enough to log in and to remove the file, far below the
kubelet's eviction threshold (nodefs.available<10%)."""

KEEP_MIB = 64
"""MiB of memory that stay available: below the kubelet's hard eviction threshold
(memory.available<100Mi), so that it evicts, and above nothing, so that sshd lives."""

_FILE = "kubedrill-fault.fill"

_EAT = """\
import time
held, step = [], 16 << 20
def available():
    rows = dict(line.split(":") for line in open("/proc/meminfo"))
    return int(rows["MemAvailable"].split()[0]) >> 10
while True:
    if available() > {keep} + 16:
        held.append(bytearray(b"x" * step))
    else:
        time.sleep(0.2)
"""
"""Takes 16 MiB at a time until ``keep`` MiB are left, and more whenever something gives memory
back."""


@register
@dataclass
class DiskFull(NodeFault):
    """The filesystem of ``whose`` on the node ``subject`` is full, but for the last percent.

    ``whose`` is a key of :data:`DISKS`. One file is allocated, not written: that takes a second,
    and its removal gives everything back at once.
    """

    traces: ClassVar[tuple[Trace, ...]] = (on_node.FILES, on_node.UNITS)

    whose: str

    def __post_init__(self) -> None:
        require_known(self.whose, DISKS, "disk")

    @property
    def name(self) -> str:
        """As "disk of etcd full"."""
        return f"disk of {self.whose} full"

    evidence = "less than two percent of the filesystem are free"
    lasts = False  # the kubelet makes room

    @property
    def question(self) -> str:
        """Ask how much is free."""
        return f"{_measure(DISKS[self.whose])}; [ $(($1 * 100)) -lt $(($2 * 2)) ]"

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse a filesystem that others share, and where etcd would lose its quorum."""
        folder = DISKS[self.whose]
        below = None if self.whose == "containerd" else on_node.etcd_majority(cluster, self.subject)
        return below or on_node.ask(
            cluster,
            self.subject,
            f"[ -d {folder} ] && {on_node.NO_CONTAINER}",
            f"{self.subject}: {folder} is missing, or on its host's disk, which all nodes there "
            "share",
        )

    def script(self, cluster: Cluster) -> Script:
        """What makes the file, and removes it."""
        del cluster
        return fill(self.whose, DISKS[self.whose])


@register
@dataclass
class Load(NodeFault):
    """The node ``subject`` is out of ``what``: "memory" or "cpu"."""

    traces: ClassVar[tuple[Trace, ...]] = (on_node.UNITS,)

    what: str

    def __post_init__(self) -> None:
        require_known(self.what, ("memory", "cpu"), "load")

    @property
    def name(self) -> str:
        """As "memory used up"."""
        return f"{self.what} used up"

    @property
    def evidence(self) -> str:
        """As "the load runs, and has used up the node's memory"."""
        used = ", and has used up the node's memory" if self.what == "memory" else ""
        return f"the load runs on the node{used}"

    @property
    def lasts(self) -> bool:
        """The kernel may end what uses up memory."""
        return self.what == "cpu"

    @property
    def question(self) -> str:
        """Ask for the unit, and how much memory is left."""
        runs = f"systemctl is-active {LOAD_PREFIX}{self.what}.service"
        left = f"[ $(awk '/^MemAvailable/ {{ print $2 }}' /proc/meminfo) -lt {4 * KEEP_MIB << 10} ]"
        return f"{runs} && {left}" if self.what == "memory" else runs

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse a node that shares its host's, and where etcd would lose its quorum."""
        return on_node.etcd_majority(cluster, self.subject) or on_node.ask(
            cluster,
            self.subject,
            on_node.NO_CONTAINER,
            f"{self.subject}: it is a container: its {self.what} is its host's, of every node "
            "there and of the harness",
        )

    def script(self, cluster: Cluster) -> Script:
        """What loads the node, and ends that."""
        return load(self.what, on_node.undo_seconds(cluster))


def fill(whose: str, folder: str) -> Script:
    """What fills a filesystem but for its last percent, and what empties it again."""
    file = f"{folder.rstrip('/')}/{_FILE}"
    size = f"size=$(($1 - $2 * {KEEP_PERCENT} / 100))"
    return Script(
        f"disk-{whose}",
        f'{_measure(folder)}; {size}; [ "$size" -gt 0 ] && fallocate -l "$size" {file}',
        f"rm -f {file}",
    )


def _measure(folder: str) -> str:
    """Set $1 and $2 to the free bytes of a filesystem, and to all of them."""
    return f"set -- $(df -B1 --output=avail,size {folder} | tail -1)"


def load(what: str, seconds: float) -> Script:
    """What uses up memory or processors for at most ``seconds``, and what ends it."""
    unit = f"{LOAD_PREFIX}{what}"
    run = f"systemd-run --quiet --collect --unit={unit} --property=RuntimeMaxSec={seconds:.0f}"
    if what == "memory":
        # The first that the kernel kills, so that no pod dies in its place before the kubelet
        # evicts.
        command = f"{run} --property=OOMScoreAdjust=1000 python3 -c '{_EAT.format(keep=KEEP_MIB)}'"
    else:
        # Two loops a processor, with the highest weight: everything else shares what is left.
        burn = "for i in $(seq $(($(nproc) * 2))); do (while :; do :; done) & done; wait"
        command = f"{run} --property=CPUWeight=10000 sh -c '{burn}'"
    return Script(what, command, f"systemctl stop {unit}.service 2>/dev/null || true")
