"""Which nodes a drill may choose its target from, and what stands there.

All ask the live cluster and touch nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.faults.drain import explain_unmanaged, warn_of_local_data

if TYPE_CHECKING:
    import random

    from kubedrill.core.context import DrillContext


ZONE = "topology.kubernetes.io/zone"
"""Kubernetes' well-known label of a node's failure domain."""


def workers_with_app(ctx: DrillContext) -> list[str]:
    """Workers with pods of the app."""
    pods = ctx.cluster.api.pods(ctx.app.namespace, ctx.app.selector)
    workers = {node.name for node in ctx.cluster.inventory.workers}
    return sorted({pod.spec.node_name for pod in pods} & workers)


def drainable(ctx: DrillContext, names: list[str]) -> list[str]:
    """Those of the nodes that have no pod without a controller, which a drain would delete."""
    refusals = _drain_refusals(ctx, names)
    return [name for name in names if not refusals[name]]


def explain_undrainable(ctx: DrillContext, names: list[str]) -> str | None:
    """Return why none of the nodes may be drained; None where one may, or there is none at all."""
    refusals = [reason for reason in _drain_refusals(ctx, names).values() if reason]
    return "; ".join(refusals) if refusals and len(refusals) == len(names) else None


def _drain_refusals(ctx: DrillContext, names: list[str]) -> dict[str, str | None]:
    pods = ctx.cluster.api.pods()
    return {
        name: explain_unmanaged(name, [pod for pod in pods if pod.spec.node_name == name])
        for name in names
    }


def warn_of_drain(ctx: DrillContext, node: str) -> None:
    """In a dry run, name the pods that lose local data by a drain, which names them itself."""
    if ctx.dry_run:
        for warning in warn_of_local_data(ctx.cluster.api.pods(node=node)):
            ctx.cluster.note(node, warning)


def app_workers(ctx: DrillContext) -> list[str]:
    """Workers with pods of the app, where another worker is left to serve."""
    return [] if explain_missing_worker(ctx) else workers_with_app(ctx)


def dns_nodes(ctx: DrillContext) -> list[str]:
    """Nodes with a CoreDNS pod, where another node has one too."""
    nodes = sorted(
        {pod.spec.node_name for pod in ctx.cluster.api.pods("kube-system", "k8s-app=kube-dns")}
    )
    return nodes if len(nodes) > 1 else []


def address_holder(ctx: DrillContext) -> list[str]:
    """The control plane that holds the virtual address.

    None where a balancer outside stands in its place.
    """
    return _majority(ctx, address_holders(ctx))


def address_holders(ctx: DrillContext) -> list[str]:
    """The node that holds the virtual address, or none where the cluster has no such address.

    Raises:
        StepFailed: it has one, and none or several hold it.
    """
    return [] if ctx.cluster.inventory.external else [ctx.cluster.api.vip_holder()]


def etcd_leader(ctx: DrillContext) -> list[str]:
    """The control plane whose etcd member leads."""
    leader = ctx.cluster.api.etcd_leader()
    if leader is None:
        raise StepFailed(
            "etcd's members do not agree on a leader; look at etcd on the control planes"
        )
    return _majority(ctx, [leader])


def etcd_followers(ctx: DrillContext) -> list[str]:
    """Control planes that neither lead etcd nor hold the virtual address.

    What is lost there is one of several.
    """
    api = ctx.cluster.api
    busy = {*address_holders(ctx), api.etcd_leader()}
    return _majority(
        ctx,
        [node.name for node in ctx.cluster.inventory.control_planes if node.name not in busy],
    )


def zones(ctx: DrillContext) -> dict[str, tuple[str, ...]]:
    """Nodes by their zone's label; nodes without one are in none."""
    names_by_zone: dict[str, list[str]] = {}
    for node in ctx.cluster.api.nodes():
        zone = (node.metadata.labels or {}).get(ZONE)
        if zone:
            names_by_zone.setdefault(zone, []).append(node.metadata.name)
    return {zone: tuple(sorted(names)) for zone, names in sorted(names_by_zone.items())}


def _majority(ctx: DrillContext, names: list[str]) -> list[str]:
    """Control planes are only named where three of them keep etcd's majority."""
    return names if len(ctx.cluster.inventory.control_planes) >= 3 else []


def explain_missing_worker(ctx: DrillContext) -> str | None:
    """Return why no worker can be spared; None where another one is left for the pods."""
    workers = len(ctx.cluster.inventory.workers)
    return None if workers >= 2 else f"needs 2 workers or more, the inventory has {workers}"


def explain_missing_version(ctx: DrillContext) -> str | None:
    """Return why nothing can be released on this app; None where it has two versions."""
    if len(ctx.app.versions) >= 2:
        return None
    return (
        "needs two versions to release, which only the sample application has; the app is "
        f"{ctx.app.description}"
    )


def pick(rng: random.Random, candidates: list[str], what: str) -> str:
    """Choose one by the seed, from a sorted list so that the order of an answer does not matter.

    Raises:
        StepFailed: there is none.
    """
    if not candidates:
        raise StepFailed(f"there is no {what} to choose from")
    return rng.choice(sorted(candidates))


def majority(members: int) -> int:
    """How many members are the least that is more than half, and so enough to take the quorum away.

    >>> [majority(n) for n in (3, 4, 5)]
    [2, 3, 3]
    """
    return members // 2 + 1
