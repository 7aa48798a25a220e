"""What a cluster left on a node: whose it is, what is mounted in it, and what still runs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FOREIGN = ("etc/kubernetes/kubelet.conf", "etc/kubernetes/manifests", "var/lib/etcd/member")
"""What a cluster has on a node, whichever way it was installed."""
MOUNTS = Path("/proc/mounts")
TRACES = (
    "/etc/kubernetes", "/etc/iproute2/rt_addrprotos.d/keepalived.conf",
    "/etc/cni/net.d/10-containerd-net.conflist", "/var/lib/etcd", "/var/lib/kubelet",
    "/var/lib/containerd", "/var/lib/cni", "/var/lib/kubedrill/pending", "/var/log/pods",
    "/var/log/containers", "/var/log/kubernetes/audit", "/run/containerd", "/run/cni-ipam-state",
    "/run/flannel", "/run/kubedrill", "/run/nri", "/run/xtables.lock", "/root/.kube/cache",
    "/opt/containerd", "/opt/local-path-provisioner", "/usr/libexec/kubernetes",
)  # fmt: skip
EMPTIED = (
    "/etc/cni/net.d", "/etc/cni", "/etc/iproute2/rt_addrprotos.d", "/etc/iproute2", "/opt/cni/bin",
    "/opt/cni", "/var/log/kubernetes", "/root/.kube", "/run/netns",
)  # fmt: skip
UNMOUNTED = (
    "/var/lib/kubelet/", "/run/containerd/", "/var/lib/containerd/", "/run/netns/cni-",
)  # fmt: skip
SHARED_UNMOUNTED = (
    "/var/lib/kubelet/", "/run/containerd/io.containerd.runtime.v2.task/k8s.io/",
    "/run/containerd/io.containerd.grpc.v1.cri/", "/run/netns/cni-",
)  # fmt: skip
"""The same where containerd has containers of others too."""
LINKS = ("cni0", "flannel.1", "kube-ipvs0")
UNDOS = ("kubedrill-undo-*", "kubedrill-fault-*", "kubedrill-upgrade-undo.*")
"""Units of drills (harness/kubedrill/cluster/undo_timer.py) and of control_plane_swap."""
UNDO_FILES = (
    "var/lib/kubedrill-undo", "var/lib/kubedrill-fault*", "run/kubedrill-fault*",
    "etc/systemd/system/multi-user.target.wants/kubedrill-boot-*.service",
    "etc/systemd/system/kubedrill-boot-*.service",
)  # fmt: skip
UNDO_S = 60
"""Seconds that one undo gets: it may wait for an API that does not come back."""


def foreign_parts(root: Path = Path("/")) -> list[str]:
    """Parts of a cluster on this node: files, and directories that are not empty."""
    return [
        f"/{path.relative_to(root)}"
        for path in (root / part for part in FOREIGN)
        if path.is_file() or (path.is_dir() and any(path.iterdir()))
    ]


def mounts_below(*prefixes: str) -> list[str]:
    """Mount points whose paths start with one of the prefixes, the deepest first."""
    points = [
        re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[1])
        for line in MOUNTS.read_text(encoding="utf-8").splitlines()
    ]
    return sorted((point for point in points if point.startswith(prefixes)), reverse=True)


def is_mounted(path: Path) -> bool:
    """Whether something is mounted on a directory.

    A bind mount of the same file system, as `ip netns` makes of /run/netns, looks like a directory.
    """
    return os.path.ismount(path) or str(path) in mounts_below(str(path))


def end_containers(proc: Path) -> None:
    """Kill what is left of the containers in containerd's namespace of Kubernetes.

    A killed shim leaves its container running, so the container goes with it. Shims of other
    namespaces, such as Docker's, are left alone.
    """
    parents: dict[int, int] = {}
    ending: set[int] = set()
    for entry in proc.glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            status = (entry / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it ended meanwhile
        parent = re.search(r"^PPid:\s+(\d+)$", status, re.MULTILINE)
        parents[int(entry.name)] = int(parent[1]) if parent else 0
        shim = arguments[0].rsplit(b"/", 1)[-1].startswith(b"containerd-shim")
        if shim and arguments[1:3] == [b"-namespace", b"k8s.io"]:
            ending.add(int(entry.name))
    while below := {child for child, parent in parents.items() if parent in ending} - ending:
        ending |= below
    for process in sorted(ending):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, 9)


def disarm_undos(run: Callable[..., str], root: Path = Path("/")) -> list[str]:
    """Run the undos that are armed here, then remove them; return what was removed.

    What a fault did to the host itself, such as to its clock or its packet filter, would stay. An
    undo runs while its timer is armed: afterwards systemd knows nothing of it.
    """
    listing = ("list-units", "--all", "--plain", "--no-legend", "--no-pager", *UNDOS)
    units = [line.split()[0] for line in run("systemctl", *listing).splitlines() if line.strip()]
    for unit in units:
        name, _, kind = unit.rpartition(".")
        if kind == "timer" and name.startswith("kubedrill-undo-"):
            run("timeout", str(UNDO_S), "systemctl", "start", f"{name}.service")
    for unit in units:
        run("systemctl", "stop", unit)
    paths = [path for pattern in UNDO_FILES for path in sorted(root.glob(pattern))]
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [*units, *map(str, paths)]
