"""Power cut to a worker with app pods on it.

1. Choose a worker that runs pods of the app, by the seed; the in-cluster prober stands on another
   node.
2. Check that its pods would not stay there for long (their tolerations). Cut its power from
   outside.
3. Wait until Kubernetes marks it NotReady, takes its pods out of the Services, and every probe is
   answered.
4. Give the power back and wait until it is Ready.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from kubedrill.core.choices import workers_with_app
from kubedrill.core.drill import DrillContext, lacks_second_worker, pick
from kubedrill.core.node_loss import cut_and_watch, loss_budgets, power_unavailable

if TYPE_CHECKING:
    from kubedrill.base.model import Budget

UNREACHABLE = "node.kubernetes.io/unreachable"
"""The taint of a node that does not answer."""

REPLACED_S = 60.0
"""Seconds that pods may stay on a node once it is known to be dead, which takes about as long (50 s
by default)."""


class FailoverWorker:
    """Lose a worker."""

    name = "failover-worker"
    title = "Power cut to a worker that runs the app"
    proves = "the app survives the loss of a worker: other replicas serve, the dead ones leave the Service in time"
    needs = "2 workers or more, power control"
    takes_s = 130

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a second worker, and power control from outside."""
        return lacks_second_worker(ctx) or power_unavailable(ctx, workers_with_app(ctx))

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the worker."""
        return (pick(ctx.rng, workers_with_app(ctx), "worker with pods of the app"),)

    def budgets(self, ctx: DrillContext, targets: tuple[str, ...]) -> list[Budget]:
        """Until its endpoints are removed, a share of the app's requests may fail."""
        return loss_budgets(ctx, self.name, targets[0])

    def run(self, ctx: DrillContext) -> None:
        """Look how long the pods would stay on a dead node, cut, watch, give back."""
        app = ctx.app
        stay = max(
            map(stays_s, ctx.cluster.api.pods(app.namespace, app.selector, ctx.target)), default=0.0
        )
        own = ctx.cluster.settings.app
        most = own.objectives.replaced_s if own else REPLACED_S
        found = f"pods stay on a dead node for {stay:g} s"
        ctx.check("lost replicas are replaced in time", stay <= most, found, f"{most:g} s at most")
        cut_and_watch(ctx, ctx.target)


def stays_s(pod: Any) -> float:
    """Seconds that a pod stays on a node that does not answer: its toleration of that taint.

    Endless without a number.

    Kubernetes gives pods that say nothing 300 s (kube-apiserver,
    --default-unreachable-toleration-seconds).
    """
    found = [
        inf if toleration.toleration_seconds is None else float(toleration.toleration_seconds)
        for toleration in pod.spec.tolerations or []
        if toleration.key in (None, UNREACHABLE) and toleration.effect in (None, "NoExecute")
    ]
    return min(found, default=0.0)
