"""A drain that a disruption budget forbids.

This drill passes when the drain was refused properly.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kubedrill.config.limits import Limits
from kubedrill.core.choices import (
    drainable,
    explain_missing_worker,
    explain_undrainable,
    pick,
    warn_of_drain,
)
from kubedrill.core.drill import Drill, Family
from kubedrill.core.predictions import planned_work
from kubedrill.faults import Drain
from kubedrill.faults.in_cluster import DRILL_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected

NAMESPACE = "kubedrill-drain-blocked"
WORKLOAD = "keep-me"
IMAGE = "docker.io/kubedrill/python:v1"
"""On every node already: it comes with the bundle."""


class DrainBlocked(Drill):
    """Try to drain a worker that may not be drained."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs another node for the pods that may move, and a controller for each of them."""
        return explain_missing_worker(ctx) or explain_undrainable(ctx, _workers(ctx))

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the worker."""
        node = pick(ctx.rng, drainable(ctx, _workers(ctx)), "worker")
        warn_of_drain(ctx, node)
        return (node,)

    def expected(self, ctx: DrillContext) -> Expected:
        """Nothing may fail."""
        del ctx
        return planned_work(
            "pods that may move leave the Service first",
            "no control plane is touched",
        )

    def run(self, ctx: DrillContext) -> None:
        """Plant, drain, look at what the drain said, remove."""
        seconds = ctx.cluster.settings.timeouts.evict_blocked
        drain = Drain(ctx.target, seconds, setting="evict_blocked", forbidden=True)
        with blocking_workload(ctx), ctx.fault(drain):
            ctx.progress.note(ctx.target, f"refused as it should be: {drain.refusal}")
            check_refusal(ctx, drain.refusal, f"pod {NAMESPACE}/{WORKLOAD}-")


@contextmanager
def blocking_workload(ctx: DrillContext) -> Iterator[None]:
    """Plant a workload on the target that may not be disrupted, and remove it afterwards."""
    api, what = ctx.cluster.api, f"namespace {NAMESPACE}"
    ctx.undos.add(what, lambda: api.remove_namespace(NAMESPACE))
    with ctx.step(ctx.target, "plant a workload that may not be disrupted"):
        api.apply(planted(ctx.target))
        api.wait_rollout("Deployment", NAMESPACE, WORKLOAD)
        _wait_budget_counted(ctx)
    yield
    with ctx.step(ctx.target, "remove the planted workload"):
        api.remove_namespace(NAMESPACE)
    ctx.undos.drop(what)


def check_refusal(ctx: DrillContext, refusal: str, *words: str) -> None:
    """Check that a drain was refused, names the budget and more, and left the node uncordoned."""
    expected = (*words, f"PodDisruptionBudget {NAMESPACE}/{WORKLOAD}")
    ctx.check(
        "refusal-names-budget",
        "the refused drain names the budget",
        all(each in refusal for each in expected),
        refusal or "the drain was not refused",
        f"the words {' and '.join(map(repr, expected))}",
    )
    cordoned = bool(ctx.cluster.api.node(ctx.target).spec.unschedulable)
    ctx.check(
        "node-uncordoned",
        "the node is uncordoned after the refusal",
        not cordoned,
        "cordoned" if cordoned else "uncordoned",
        "uncordoned",
    )


def _workers(ctx: DrillContext) -> list[str]:
    return [node.name for node in ctx.cluster.inventory.workers]


def _wait_budget_counted(ctx: DrillContext) -> None:
    """Wait until the budget has counted its pod.

    Before that, Kubernetes refuses evictions for another reason.
    """

    def find_obstacle() -> str | None:
        status = ctx.cluster.api.policy.read_namespaced_pod_disruption_budget(
            WORKLOAD, NAMESPACE
        ).status
        counted = (
            status is not None and status.current_healthy == 1 and status.disruptions_allowed == 0
        )
        return None if counted else "not counted yet"

    ctx.cluster.api.wait(
        f"PodDisruptionBudget {NAMESPACE}/{WORKLOAD} to count its pod",
        find_obstacle,
        setting="pods_ready",
    )


def planted(node: str) -> list[dict[str, Any]]:
    """The namespace, the workload on ``node`` and its budget."""
    labels = {"app.kubernetes.io/name": WORKLOAD}
    where = {"name": WORKLOAD, "namespace": NAMESPACE}
    container = {
        "name": "wait",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", "import signal; signal.pause()"],
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    pod = {
        "nodeSelector": {"kubernetes.io/hostname": node},
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
    }
    namespace = {"name": NAMESPACE, "labels": {DRILL_LABEL: "drain-blocked"}}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": where, "spec": spec},
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": where,
            "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
        },
    ]


DRILLS = (
    DrainBlocked(
        name="drain-blocked",
        title="Drain that a disruption budget blocks",
        proves=(
            "a forbidden drain ends in time, names the pod and the budget, and leaves the "
            "node uncordoned"
        ),
        needs="2 workers or more",
        duration_s=60,
        family=Family.DRAINS,
        order=1,
        standard=True,
        limits=Limits(app_max_failed=0),
        evidence=Drain("NODE", 0, forbidden=True).evidence,
        limits_because="a refused drain must not cost an application request",
        steps=(
            (
                "Choose a worker by the seed. Plant a Deployment of one pod on it with a budget "
                "that "
                "allows no disruption."
            ),
            "Drain the worker, with a short deadline.",
            (
                "The drain has to end at its deadline, name the pod and the budget, and leave the "
                "worker uncordoned."
            ),
            "Remove what was planted.",
        ),
    ),
)
