"""Drain a worker under traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.cluster.objects import selects
from kubedrill.config.limits import Limits
from kubedrill.core.choices import (
    drainable,
    explain_missing_worker,
    explain_undrainable,
    pick,
    warn_of_drain,
    workers_with_app,
)
from kubedrill.core.drill import Drill, Family
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import planned_work
from kubedrill.faults import Drain
from kubedrill.faults.drain import must_leave

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


class NodeDrain(Drill):
    """Drain a worker."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs another node that takes the pods, and a controller for each of them."""
        return explain_missing_worker(ctx) or explain_undrainable(ctx, workers_with_app(ctx))

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the worker."""
        workers = drainable(ctx, workers_with_app(ctx))
        node = pick(ctx.rng, workers, "worker with pods of the app")
        warn_of_drain(ctx, node)
        return (node,)

    def expected(self, ctx: DrillContext) -> Expected:
        """Nothing may fail."""
        return planned_work(
            (
                f"pods on {ctx.target} leave the Service before they stop (preStop), its budget "
                "keeps the others"
            ),
            "no control plane is touched",
        )

    def run(self, ctx: DrillContext) -> None:
        """Drain, watch, uncordon."""
        timeouts = ctx.cluster.settings.timeouts
        guards = guarding_budgets(ctx)
        ctx.check(
            "app-guarded",
            "a disruption budget guards the app",
            bool(guards),
            ", ".join(guards) or "none",
            "one or more",
        )
        with ctx.fault(Drain(ctx.target, timeouts.evict)):
            with ctx.step(ctx.target, "drained: until every probe is answered"):
                ctx.wait_answering(
                    "*", for_s=CALM_S, seconds=timeouts.pods_ready, setting="pods_ready"
                )
            left = [
                pod.metadata.name
                for pod in ctx.cluster.api.pods(node=ctx.target)
                if must_leave(pod)
            ]
            ctx.check(
                "node-empty",
                "the node is empty while drained",
                not left,
                ", ".join(left) or "no pods",
                "DaemonSets only",
            )
            with ctx.step(ctx.target, "drained: until the app is complete again"):
                ctx.app.wait_ready()


def guarding_budgets(ctx: DrillContext) -> list[str]:
    """Disruption budgets that select a pod of the app.

    Without one, a drain may evict all pods of a node at once.
    """
    api, app = ctx.cluster.api, ctx.app
    pods = api.pods(app.namespace, app.selector)
    budgets = api.policy.list_namespaced_pod_disruption_budget(app.namespace).items
    return sorted(
        b.metadata.name
        for b in budgets
        if any(selects(b.spec.selector, p.metadata.labels) for p in pods)
    )


DRILLS = (
    NodeDrain(
        name="node-drain",
        title="Drain of a worker that runs the app",
        proves="a worker can be emptied for maintenance without one failed request",
        needs="2 workers or more",
        duration_s=60,
        family=Family.DRAINS,
        standard=True,
        game_day=True,
        limits=Limits(app_max_failed=0),
        evidence=Drain("NODE", 0).evidence,
        limits_because="a drain is planned work: no application request may fail",
        steps=(
            (
                "Choose a worker that runs pods of the app, by the seed. Check that a disruption "
                "budget guards them."
            ),
            "Arm the undo, cordon the worker, evict its pods through the Eviction API.",
            (
                "Wait until every probe is answered without it, and check that nothing but "
                "DaemonSets "
                "is left on it."
            ),
            "Uncordon it.",
        ),
    ),
)
