"""A node runs out of disk, memory or processor time, for a bounded time and to a bounded degree.

Each load is a file or a transient systemd unit ``kubedrill-fault-*`` that ends by itself; the undo
timer on the node ends it too. A node that is a container has no disk, memory or processors of its
own: what it uses up is missing on its host and on every other node there, so the fault is not
available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import DeadlineExceeded, StepFailed, UsageError
from kubedrill.cluster.undo_timer import LOAD_PREFIX
from kubedrill.faults import on_node
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

_CONTAINER = "systemd-detect-virt --container --quiet"

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
class DiskFull:
    """The filesystem of ``whose`` on the node ``subject`` is full, but for the last percent.

    ``whose`` is a key of :data:`DISKS`. One file is allocated, not written: that takes a second,
    and its removal gives everything back at once.
    """

    traces: ClassVar[tuple[Trace, ...]] = (on_node.FILES, on_node.UNITS)

    subject: str
    whose: str

    def __post_init__(self) -> None:
        if self.whose not in DISKS:
            raise UsageError(f"no disk {self.whose!r}; expected one of: {', '.join(DISKS)}")

    @property
    def name(self) -> str:
        """As "disk of etcd full"."""
        return f"disk of {self.whose} full"

    def available(self, cluster: Cluster) -> str | None:
        """Refuse a filesystem that others share, and where etcd would lose its quorum."""
        folder = DISKS[self.whose]
        unshared = f"[ -d {folder} ] && ! {_CONTAINER}"
        reason = on_node.occupied(cluster, self.subject)
        if reason is None and self.whose != "containerd":
            reason = on_node.etcd_majority(cluster, [self.subject])
        return reason or _refused(
            cluster,
            self.subject,
            unshared,
            f"{folder} is missing, or on its host's disk, which all nodes there share",
        )

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo on the node, then fill.

        Raises KubedrillError where that could not be done.
        """
        on_node.inject(cluster, self.subject, fill(self.whose, DISKS[self.whose]))

    def heal(self, cluster: Cluster) -> None:
        """Remove the file and disarm the undo. Raises StepFailed where the node refuses."""
        on_node.heal(cluster, self.subject, fill(self.whose, DISKS[self.whose]))


@register
@dataclass
class Load:
    """The node ``subject`` is out of ``what``: "memory" or "cpu"."""

    traces: ClassVar[tuple[Trace, ...]] = (on_node.UNITS,)

    subject: str
    what: str

    def __post_init__(self) -> None:
        if self.what not in ("memory", "cpu"):
            raise UsageError(f"no load {self.what!r}; expected one of: memory, cpu")

    @property
    def name(self) -> str:
        """As "memory used up"."""
        return f"{self.what} used up"

    def available(self, cluster: Cluster) -> str | None:
        """Why not: a fault is there, the node shares its host's, or etcd would lose quorum."""
        reason = on_node.occupied(cluster, self.subject) or on_node.etcd_majority(
            cluster, [self.subject]
        )
        return reason or _refused(
            cluster,
            self.subject,
            f"! {_CONTAINER}",
            f"it is a container: its {self.what} is its host's, of every node there and of the "
            "harness",
        )

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo on the node, then load it.

        Raises KubedrillError where that could not be done.
        """
        on_node.inject(cluster, self.subject, load(self.what, on_node.undo_seconds(cluster)))

    def heal(self, cluster: Cluster) -> None:
        """Stop the load and disarm the undo. Raises StepFailed where the node refuses."""
        on_node.heal(cluster, self.subject, load(self.what, on_node.undo_seconds(cluster)))


def fill(whose: str, folder: str) -> Script:
    """What fills a filesystem but for its last percent, and what empties it again."""
    file = f"{folder.rstrip('/')}/{_FILE}"
    measure = f"set -- $(df -B1 --output=avail,size {folder} | tail -1)"
    size = f"size=$(($1 - $2 * {KEEP_PERCENT} / 100))"
    return Script(
        f"disk-{whose}",
        f'{measure}; {size}; [ "$size" -gt 0 ] && fallocate -l "$size" {file}',
        f"rm -f {file}",
    )


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


def _refused(cluster: Cluster, node: str, question: str, reason: str) -> str | None:
    try:
        good = cluster.hosts.read(node, question, check=False).ok
    except (StepFailed, DeadlineExceeded) as error:
        return str(error)
    return None if good else f"{node}: {reason}"
