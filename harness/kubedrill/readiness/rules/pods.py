"""Pods that a drain refuses, or that lose something by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedrill.readiness.rules.issues import blocker, info, several, warning
from kubedrill.readiness.rules.objects import controller, must_leave, name_of, workload

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
