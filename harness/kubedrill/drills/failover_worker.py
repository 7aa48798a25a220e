"""Power cut to a worker with app pods on it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from kubedrill.config.limits import Limits
from kubedrill.core.choices import explain_missing_worker, pick, workers_with_app
from kubedrill.core.drill import Drill, Family
from kubedrill.core.limits import NODE_LOSS_S
from kubedrill.core.node_loss import cut_and_watch, explain_missing_power, loss_limits

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.core.context import DrillContext

UNREACHABLE = "node.kubernetes.io/unreachable"
"""The taint of a node that does not answer."""

REPLACED_S = 60.0
"""Seconds that pods may stay on a node once it is known to be dead, which takes about as long (50 s
by default)."""


class FailoverWorker(Drill):
    """Lose a worker."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a second worker, and power control from outside."""
        return explain_missing_worker(ctx) or explain_missing_power(ctx, workers_with_app(ctx))

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the worker."""
        return (pick(ctx.rng, workers_with_app(ctx), "worker with pods of the app"),)

    def outage_limits(self, ctx: DrillContext) -> list[OutageLimit]:
        """Until its endpoints are removed, a share of the app's requests may fail."""
        return loss_limits(ctx, self, ctx.target)

    def run(self, ctx: DrillContext) -> None:
        """Look how long the pods would stay on a dead node, cut, watch, give back."""
        app = ctx.app
        stay = max(
            map(toleration_s, ctx.cluster.api.pods(app.namespace, app.selector, ctx.target)),
            default=0.0,
        )
        app_settings = ctx.cluster.settings.app
        most = app_settings.objectives.replaced_s if app_settings else REPLACED_S
        actual = f"pods stay on a dead node for {stay:g} s"
        ctx.check(
            "replicas-replaced",
            "lost replicas are replaced in time",
            stay <= most,
            actual,
            f"{most:g} s at most",
        )
        cut_and_watch(ctx, ctx.target)


def toleration_s(pod: Any) -> float:
    """Seconds that a pod stays on a node that does not answer: its toleration of that taint.

    Endless without a number.

    Kubernetes gives pods that say nothing 300 s (kube-apiserver,
    --default-unreachable-toleration-seconds).
    """
    tolerated_s = [
        inf if toleration.toleration_seconds is None else float(toleration.toleration_seconds)
        for toleration in pod.spec.tolerations or []
        if toleration.key in (None, UNREACHABLE) and toleration.effect in (None, "NoExecute")
    ]
    return min(tolerated_s, default=0.0)


DRILLS = (
    FailoverWorker(
        name="failover-worker",
        title="Power cut to a worker that runs the app",
        proves=(
            "the app survives the loss of a worker: other replicas serve, the dead ones leave "
            "the Service in time"
        ),
        needs="2 workers or more, power control",
        duration_s=130,
        family=Family.FAILOVER,
        standard=True,
        game_day=True,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because=(
            "50 s grace + 5 s period until Kubernetes takes a dead node's pods out of "
            "Services, and a margin"
        ),
        steps=(
            (
                "Choose a worker that runs pods of the app, by the seed; the in-cluster prober "
                "stands "
                "on another node."
            ),
            (
                "Check that its pods would not stay there for long (their tolerations). Cut its "
                "power "
                "from outside."
            ),
            (
                "Wait until Kubernetes marks it NotReady, takes its pods out of the Services, and "
                "every probe is answered."
            ),
            "Give the power back and wait until it is Ready.",
        ),
    ),
)
