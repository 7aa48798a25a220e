"""Pods that a drain refuses or that lose something by it, and budgets that block it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kubedrill.readiness.rules.common import (
    blocker,
    budgets_of,
    controller,
    info,
    must_leave,
    name_of,
    several,
    unknown,
    warning,
    workload,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot

DRAIN_S = 180
"""Seconds that a drain may take: upgrade_drain_timeout of roles/upgrade."""

DEFAULT_GRACE_S = 30
"""Kubernetes' default of terminationGracePeriodSeconds."""


def unmanaged(snapshot: Snapshot) -> Iterator[Issue]:
    """Pods without a controller.

    ``kubectl drain`` refuses the whole node, because they would not be recreated.
    """
    for pod in _leaving(snapshot):
        if controller(pod) is None:
            yield blocker(
                f"pod {name_of(pod)}",
                (
                    f"on {pod.spec.node_name} has no controller: "
                    f"the drain of {pod.spec.node_name} is refused"
                ),
                "a Deployment, StatefulSet, Job or the like that makes it again elsewhere",
                "delete it, or give it a controller",
            )


def scratch_data(snapshot: Snapshot) -> Iterator[Issue]:
    """Workloads with emptyDir volumes: what is in them is gone after the drain."""
    users = {
        workload(pod)
        for pod in _leaving(snapshot)
        if any(v.empty_dir for v in pod.spec.volumes or [])
    }
    if users:
        yield info(
            "emptyDir volumes",
            f"a drain deletes their content: {several(sorted(users), 10)}",
            "make sure that they hold nothing but scratch data",
        )


def slow_to_end(snapshot: Snapshot) -> Iterator[Issue]:
    """Pods whose grace period is longer than a drain may take."""
    for pod in _leaving(snapshot):
        grace = grace_s(pod)
        if grace >= DRAIN_S:
            yield warning(
                f"pod {name_of(pod)}",
                f"may take {grace} s to end (terminationGracePeriodSeconds)",
                (
                    f"less than {DRAIN_S} s (upgrade_drain_timeout): the drain of "
                    f"{pod.spec.node_name} "
                    f"may time out"
                ),
                f"run the upgrade with -e upgrade_drain_timeout={grace + 60}",
            )


def one_replica(snapshot: Snapshot) -> Iterator[Issue]:
    """Workloads of one pod: there is no server while it moves."""
    for item in snapshot.workloads.get():
        expected = 1 if item.spec.replicas is None else item.spec.replicas
        if expected == 1:
            kind = type(item).__name__.removeprefix("V1")
            yield warning(
                f"{kind} {name_of(item)}",
                (
                    "has one replica: it is out while its node is drained (a pod took 15 to "
                    "30 s to move, benchmarks/results/upgrade.md)"
                ),
                "two replicas or more on different nodes",
                "add a replica where an outage matters",
            )


def grace_s(pod: Any) -> int:
    """Seconds that a pod may take to end."""
    seconds = pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE_S if seconds is None else int(seconds)


def _leaving(snapshot: Snapshot) -> Iterator[Any]:
    return (pod for pod in snapshot.pods.get() if pod.spec.node_name and must_leave(pod))


def blocking(snapshot: Snapshot) -> Iterator[Issue]:
    """Budgets that allow no disruption now, or never, and cover a pod that a drain has to evict."""
    for budget in snapshot.budgets.get():
        status = budget.status
        pods = [
            pod
            for pod in snapshot.pods.get()
            if pod.spec.node_name and must_leave(pod) and budgets_of(pod, (budget,))
        ]
        if not pods:
            continue
        if status is None or (status.observed_generation or 0) < (budget.metadata.generation or 0):
            yield unknown(
                f"budget {name_of(budget)}",
                "its controller has not computed it",
                "a status of its newest spec",
                "wait a moment; if it stays so, look at the controller manager",
            )
        elif status.desired_healthy >= status.expected_pods:
            most, least = budget.spec.max_unavailable, budget.spec.min_available
            rule = f"minAvailable {least}" if most is None else f"maxUnavailable {most}"
            yield _blocks(
                budget, pods, f"can never allow one: {rule} of {status.expected_pods} pod(s)"
            )
        elif not status.disruptions_allowed:
            healthy = (
                f"{status.current_healthy} of {status.expected_pods} pods healthy, "
                f"{status.desired_healthy} must stay"
            )
            yield _blocks(budget, pods, f"allows none now: {healthy}")


def overlapping(snapshot: Snapshot) -> Iterator[Issue]:
    """Pods that two budgets cover: the API refuses to evict them at all."""
    pairs: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for pod in snapshot.pods.get():
        names = tuple(name_of(budget) for budget in budgets_of(pod, snapshot.budgets.get()))
        if len(names) > 1 and must_leave(pod):
            pairs[names].add(workload(pod))
    for names, users in pairs.items():
        yield blocker(
            f"budgets {', '.join(names)}",
            f"cover the same pods: {several(sorted(users))}",
            "one budget for a pod: the API answers an eviction with 500 otherwise",
            "leave one of them",
        )


def _blocks(budget: Any, pods: list[Any], why: str) -> Issue:
    nodes = sorted({pod.spec.node_name for pod in pods})
    names = [pod.metadata.name for pod in pods]
    return blocker(
        f"budget {name_of(budget)}",
        f"blocks the drain of {', '.join(nodes)}: {why}; pods {several(names)}",
        "at least one allowed disruption",
        f"add a replica to {several(sorted({workload(pod) for pod in pods}))}, or relax the "
        "budget while upgrading",
    )
