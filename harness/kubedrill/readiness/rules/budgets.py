"""Disruption budgets that would block a drain, by name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kubedrill.readiness.rules.issues import blocker, several, unknown
from kubedrill.readiness.rules.objects import budgets_of, must_leave, name_of, workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot


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
