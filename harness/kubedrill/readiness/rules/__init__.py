"""The rules: pure functions of a snapshot. :data:`ALL` is their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.readiness.rules import (
    apis,
    backup,
    bundle,
    certificates,
    etcd,
    flags,
    nodes,
    placement,
    pods,
    prediction,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubedrill.readiness.model import Issue, Snapshot


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    ``needs`` names the answers of the snapshot without which it cannot judge, ``each`` those that
    it has for each node: it judges the nodes that answered, and the judge says of the others that
    they did not.
    """

    name: str
    judge: Callable[[Snapshot], Iterable[Issue]]
    needs: tuple[str, ...] = ()
    each: tuple[str, ...] = ()


ALL = (
    Rule("version-path", versions.path, each=("api_servers",)),
    Rule("kubelet-skew", versions.kubelets, ("nodes",), ("api_servers",)),
    Rule("component-skew", versions.components, ("pods",)),
    Rule("kubeadm-version", versions.kubeadm, each=("hosts",)),
    Rule("unfinished-upgrade", versions.unfinished, ("nodes",)),
    Rule("bundle", bundle.complete, ("bundle",)),
    Rule("images", bundle.images, ("bundle", "pods", "nodes"), ("hosts",)),
    Rule("deprecated-apis", apis.requested, each=("api_servers",)),
    Rule("stored-apis", apis.stored, ("uses",)),
    Rule("flags", flags.accepted, ("trials",), ("hosts", "kubelets")),
    Rule("flags-tried", flags.tried, each=("hosts",)),
    Rule("certificates", certificates.running_out, each=("hosts",)),
    Rule("etcd-members", etcd.members, each=("etcd",)),
    Rule("etcd-space", etcd.space, each=("etcd",)),
    Rule("etcd-snapshot", etcd.latest_snapshot, ("etcd_snapshot",)),
    Rule("backup", backup.latest, ("backups",)),
    Rule("control-planes", nodes.control_planes),
    Rule("nodes-registered", nodes.registered, ("nodes",)),
    Rule("nodes-ready", nodes.ready, ("nodes",)),
    Rule("disk", nodes.room, ("bundle",), ("hosts",)),
    Rule("runtime", nodes.runtime, ("nodes",)),
    Rule("cgroup", nodes.cgroups, each=("hosts", "kubelets")),
    Rule("budgets", pods.blocking, ("budgets", "pods")),
    Rule("budgets-overlap", pods.overlapping, ("budgets", "pods")),
    Rule("unmanaged-pods", pods.unmanaged, ("pods",)),
    Rule("emptydir", pods.scratch_data, ("pods",)),
    Rule("local-volumes", placement.local_volumes, ("pods", "nodes", "volumes", "claims")),
    Rule("grace-periods", pods.slow_to_end, ("pods",)),
    Rule(
        "fits-elsewhere",
        placement.fits_elsewhere,
        ("pods", "nodes", "budgets", "volumes", "claims"),
    ),
    Rule("one-replica", pods.one_replica, ("workloads",)),
    Rule("predicted-duration", prediction.duration, ("pods",)),
    Rule("predicted-outage", prediction.outage),
)

PER_NODE = {
    "hosts": "its certificates, disks, images, flags and cgroup version",
    "kubelets": "its kubelet's feature gates and configuration",
    "api_servers": "its API server's version and the deprecated APIs that it was asked for",
    "etcd": "its etcd member's health and size",
}
"""Answers that a snapshot has for each node, and what is unknown without one."""
