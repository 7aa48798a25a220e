"""Nodes: registered, Ready, with room on their disks, a runtime and cgroup that suit."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from kubedrill.cluster.objects import condition_is_true, condition_text
from kubedrill.readiness.model import Version, known
from kubedrill.readiness.rules.common import blocker, image_name, info, size, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import Node
    from kubedrill.readiness.model import HostFacts, Issue, Snapshot

EVICTION_SHARE = 0.10
"""Free share of a disk below which the kubelet reports DiskPressure (its default
nodefs.available<10%)."""

CONTAINERD_2_FROM = (1, 36)
"""First release of Kubernetes that takes no containerd 1.x."""

CGROUP_V1_REFUSED_FROM = (1, 35)
"""First release whose kubelet refuses cgroup v1 unless failCgroupV1 is false (KEP-5573)."""


def registered(snapshot: Snapshot) -> Iterator[Issue]:
    """The same nodes in the inventory and in the cluster.

    Playbooks/upgrade.yml refuses otherwise.
    """
    there = {node.metadata.name for node in snapshot.nodes.get()}
    expected = {node.name for node in snapshot.machines}
    for name in sorted(expected - there):
        yield blocker(
            f"node {name}",
            "is in the inventory, not in the cluster",
            "in both",
            "run site.yml, or remove it",
        )
    for name in sorted(there - expected):
        yield blocker(
            f"node {name}",
            "is in the cluster, not in the inventory",
            "in both",
            "add it to the inventory",
        )


def ready(snapshot: Snapshot) -> Iterator[Issue]:
    """Every node exactly Ready, not cordoned, under no pressure."""
    for node in snapshot.nodes.get():
        subject = f"node {node.metadata.name}"
        if not condition_is_true(node, "Ready"):
            yield blocker(
                subject,
                condition_text(node, "Ready"),
                "Ready=True",
                "repair it: the upgrade refuses to begin",
            )
        if node.spec.unschedulable:
            yield warning(
                subject,
                (
                    "is cordoned: it takes no pods of drained nodes, and stays cordoned after the "
                    "upgrade"
                ),
                "a node that takes pods",
                f"kubectl uncordon {node.metadata.name}, unless that is meant",
            )
        for pressure in ("DiskPressure", "MemoryPressure", "PIDPressure"):
            text, expected = condition_text(node, pressure), f"{pressure}=False"
            status = [c.status for c in node.status.conditions or [] if c.type == pressure]
            if status == ["True"]:
                action = "make room: it takes no pods, and the kubelet deletes images"
                yield blocker(subject, text, expected, action)
            elif status != ["False"]:
                yield unknown(subject, text, expected, "look at its kubelet")


def room(snapshot: Snapshot) -> Iterator[Issue]:
    """Free disk against what staging puts there."""
    hosts = known(snapshot.hosts) if snapshot.bundle.get().parts else {}
    for machine in snapshot.machines:
        host = hosts.get(machine.name)
        if host is None:
            continue
        by_device: dict[int, int] = defaultdict(int)
        for path, need in bytes_needed(snapshot, machine, host).items():
            by_device[host.disks[path].device] += need
        for device, need in by_device.items():
            path, disk = next(item for item in host.disks.items() if item[1].device == device)
            yield from _disk(f"disk of {machine.name} at {path}", need, disk.available, disk.total)


def _disk(subject: str, need: int, free: int, total: int) -> Iterator[Issue]:
    if need > free:
        yield blocker(
            subject, f"{size(free)} free", f"{size(need)} for the new release", "make room"
        )
    elif free - need < EVICTION_SHARE * total:
        yield warning(
            subject,
            f"{size(free)} of {size(total)} free, {size(free - need)} after staging",
            f"{EVICTION_SHARE:.0%} left free: below that the kubelet evicts pods and images",
            "make room",
        )


def bytes_needed(snapshot: Snapshot, machine: Node, host: HostFacts) -> dict[str, int]:
    """What the upgrade adds on a node, by the path it goes to.

    Images that are not there yet, programs, the bundle.

    An imported image is on the disk twice: as it came, and unpacked (containerd's content store
    and snapshotter).
    """
    role = "control_plane" if machine.is_control_plane else "worker"
    parts = [part for part in snapshot.bundle.get().parts if role in part.nodes]
    images = [
        part
        for part in parts
        if part.kind == "image" and image_name(part.image) not in (host.images or ())
    ]
    programs = [part for part in parts if part.kind != "image"]
    containerd, binaries, bundles = host.disks
    return {
        containerd: sum(part.size + part.unpacked for part in images),
        binaries: sum(part.size for part in programs),
        bundles: 0 if host.has_bundle else sum(part.size for part in [*images, *programs]),
    }


def runtime(snapshot: Snapshot) -> Iterator[Issue]:
    """The container runtime that runs now.

    The new kubelet meets it before the upgrade replaces it.
    """
    for node in snapshot.nodes.get():
        subject = f"runtime of {node.metadata.name}"
        name, _, text = (node.status.node_info.container_runtime_version or "").partition("://")
        if name != "containerd":
            yield unknown(
                subject,
                f"is {name or 'unknown'}",
                "containerd",
                "ask its makers whether it takes the target",
            )
            continue
        version = Version.read(text)
        if version is None:
            yield unknown(
                subject,
                f"containerd says its version is {text!r}",
                "a release",
                "look at it by hand",
            )
        elif snapshot.target[:2] >= CONTAINERD_2_FROM and version.major < 2:
            yield blocker(
                subject,
                f"is containerd {text}",
                f"containerd 2 or later: Kubernetes {snapshot.target.short} takes no 1.x",
                "upgrade containerd first, node by node",
            )


def cgroups(snapshot: Snapshot) -> Iterator[Issue]:
    """Cgroup v1: refused by newer kubelets unless their configuration says otherwise."""
    kubelets = known(snapshot.kubelets)  # another rule reports those that gave no answer
    for name, host in known(snapshot.hosts).items():
        refused = host.cgroup == 1 and snapshot.target[:2] >= CGROUP_V1_REFUSED_FROM
        if not refused or name not in kubelets:
            continue
        if kubelets[name].get("failCgroupV1") is False:
            yield info(
                f"node {name}",
                "is on cgroup v1; its kubelet accepts that (failCgroupV1: false)",
            )
        else:
            yield blocker(
                f"node {name}",
                f"is on cgroup v1, which the kubelet of {snapshot.target.short} refuses",
                "cgroup v2, or failCgroupV1: false in the kubelet's configuration",
                "boot it with systemd.unified_cgroup_hierarchy=1",
            )


def control_planes(snapshot: Snapshot) -> Iterator[Issue]:
    """How many control planes there are, and what that means for an upgrade."""
    count = len(snapshot.control_planes)
    if count == 2:
        yield blocker(
            "control planes",
            "there are 2: etcd has no majority while one of them is upgraded",
            "3 or more (or 1, with an outage)",
            "add a third control plane",
        )
    elif count == 1:
        yield warning(
            "control planes",
            (
                "there is 1: the API is out while it is swapped (about 15 s measured, "
                "benchmarks/results/upgrade.md)"
            ),
            "3 or more",
            "add two control planes where an API outage matters",
        )
    elif count % 2 == 0:
        odd = f"there are {count}: as many failures are survived as with {count - 1}"
        yield warning("control planes", odd, "an odd number", "add or remove one")
