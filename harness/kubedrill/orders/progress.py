"""What a deployment of the order service is still missing, and where its time went.

Deploying takes the processors of all nodes, and where nodes are containers of one host, the harness
takes from the same ones: what is asked while waiting is two lists and a Job a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kubedrill.apps.diagnosis import fatal_reason
from kubedrill.base.errors import StepFailed
from kubedrill.cluster.objects import rollout_problem
from kubedrill.orders import manifests
from kubedrill.orders.migration import Migration

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from datetime import datetime

    from kubedrill.cluster.api import ClusterApi

POLL_S = 1.0
PODS_S = 5.0
"""Seconds between looks at pods, which are many and long: only for what time does not cure."""


class Completeness:
    """Checks whether every part of a version is complete, and logs each once it is."""

    def __init__(self, api: ClusterApi, version: str, log: Callable[[str], object]) -> None:
        self._api, self._log = api, log
        self._migration = Migration(api, version)
        self._lacking: set[str] | None = None
        self._pods_at = time.monotonic()

    def missing(self) -> str | None:
        """Describe what is missing; None when nothing is.

        Raises:
            StepFailed: it will not get better by waiting: an image is missing, a rollout made no
                progress for as long as its Deployment allows, the migration failed.
        """
        apps, chosen = self._api.apps, {"label_selector": manifests.SELECTOR}
        items = [
            *apps.list_namespaced_stateful_set(manifests.NAMESPACE, **chosen).items,
            *apps.list_namespaced_deployment(manifests.NAMESPACE, **chosen).items,
        ]
        workloads = {obj.metadata.name: obj for obj in items}
        problems = {
            name: rollout_problem(kind, workloads[name])
            if name in workloads
            else "it does not exist"
            for kind, name in manifests.workloads()
        }
        problems["migration"] = self._migration.missing()
        lacking = {name: problem for name, problem in problems.items() if problem}
        before = problems.keys() if self._lacking is None else self._lacking
        for name in sorted(before - lacking.keys()):
            self._log(f"{name} is complete")
        self._lacking = set(lacking)
        if lacking:
            self._give_up_early(workloads)
        return "; ".join(f"{name}: {problem}" for name, problem in lacking.items()) or None

    def _give_up_early(self, workloads: dict[str, Any]) -> None:
        for name in manifests.DEPLOYMENTS:
            if stuck := _given_up_reason(workloads.get(name)):
                raise StepFailed(f"the rollout of {name} was given up: {stuck}")
        if time.monotonic() - self._pods_at < PODS_S:
            return
        self._pods_at = time.monotonic()
        if reason := fatal_reason(self._api.pods(manifests.NAMESPACE, manifests.SELECTOR)):
            raise StepFailed(
                f"{reason}. Images come from the application bundle: kubedrill app deploy puts "
                "them there."
            )


def _given_up_reason(deployment: Any) -> str:
    """Return the words of a rollout that was given up; "" also where they are of the one before."""
    if (
        deployment is None
        or (deployment.status.observed_generation or 0) < deployment.metadata.generation
    ):
        return ""
    conditions = deployment.status.conditions or []
    return next((c.message for c in conditions if c.reason == "ProgressDeadlineExceeded"), "")


def timeline(pods: Iterable[Any], known: Container[str]) -> list[str]:
    """Tell when each pod was made, scheduled, started and ready, in order of the last.

    Not of those ``known`` by uid.

    Seconds count from when the first of them was made; Kubernetes keeps whole ones. A pod is
    scheduled once its volume is there.
    """
    new = [pod for pod in pods if pod.metadata.uid not in known]
    if not new:
        return []
    began = min(pod.metadata.creation_timestamp for pod in new)
    lines = []
    for pod in new:
        moments = _moments(pod)
        times = ", ".join(f"{what} {(at - began).total_seconds():.0f} s" for what, at in moments)
        restarts = sum(status.restart_count for status in pod.status.container_statuses or [])
        again = f", {restarts} restarts" if restarts else ""
        lines.append(
            (
                moments[-1][1],
                f"{pod.metadata.name} on {pod.spec.node_name or 'no node'}: {times}{again}",
            )
        )
    return [line for _, line in sorted(lines)]


def _moments(pod: Any) -> list[tuple[str, datetime]]:
    """What happened to a pod, oldest first; that it was made, at least."""
    at = {c.type: c.last_transition_time for c in pod.status.conditions or [] if c.status == "True"}
    states = [status.state for status in pod.status.container_statuses or [] if status.state]
    running = [s.running.started_at for s in states if s.running]
    ended = [s.terminated for s in states if s.terminated]
    moments = [
        ("made", pod.metadata.creation_timestamp),
        ("scheduled", at.get("PodScheduled")),
        ("started", next(iter([*running, *(s.started_at for s in ended)]), None)),
        ("ready", at.get("Ready")),
        ("ended", next((s.finished_at for s in ended), None)),
    ]
    return [(what, moment) for what, moment in moments if moment is not None]
