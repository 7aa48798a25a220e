"""Pods of the app die without a word: one of them, all at once, or one container's process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubedrill.cluster.objects import pod_is_ready
from kubedrill.config.limits import Limits
from kubedrill.core.choices import pick
from kubedrill.core.drill import Drill, Family
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import Expected, Prediction, until_replaced
from kubedrill.faults import ContainerKill, PodKill

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.faults import Fault


STEPS = (
    "Choose the pod by the seed.",
    (
        "Delete it without any grace, or all pods of the Deployment in one request, or kill "
        "the container's process."
    ),
    "Wait until the Deployment is complete again and every probe is answered.",
    "Make sure that what was killed does not live on: otherwise nothing is tested (INCONCLUSIVE).",
)


NOTICED_S = 1.0
"""Seconds between two looks of the kubelet at its containers (pkg/kubelet/kubelet.go,
genericPlegRelistPeriod)."""

ALL = "*"


@dataclass(frozen=True, kw_only=True)
class PodDrill(Drill):
    """``what`` dies: "pod", "all" or "container"."""

    what: str
    needs: str = "3 replicas of the app"
    duration_s: int = 45
    family: Family = Family.PODS
    game_day: bool = True
    steps: tuple[str, ...] = STEPS
    evidence: str = PodKill.evidence

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs pods whose controller replaces them."""
        pods = _ready(ctx)
        if len(pods) < 2 and self.what != "all":
            return (
                f"the app has {len(pods)} ready pod(s); needs 2 or more so that another one serves"
            )
        return self._fault(ctx, ALL if self.what == "all" else pods[0].metadata.name).available(
            ctx.cluster
        )

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the pod."""
        if self.what == "all":
            return (ALL,)
        return (pick(ctx.rng, [pod.metadata.name for pod in _ready(ctx)], "pod of the app"),)

    def expected(self, ctx: DrillContext) -> Expected:
        """The Service has to lose the dead pods, or get new ones."""
        timers, app = ctx.timers, ctx.app
        if self.what == "all":
            part = until_replaced(timers, "every pod of the app", readiness_s(app.pod_spec()))
        else:
            noticed = NOTICED_S if self.what == "container" else 0.0
            part = left_the_service(ctx.target, noticed, timers.proxy_min_sync.value)
        return Expected(app=(part,))

    def run(self, ctx: DrillContext) -> None:
        """Kill, wait until all is as before."""
        with ctx.fault(self._fault(ctx, ctx.target)):
            with ctx.step(ctx.target, "until the app is complete again"):
                ctx.app.wait_ready()
            with ctx.step(ctx.target, "until every probe is answered"):
                seconds = ctx.cluster.settings.timeouts.rollout
                ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="rollout")

    def _fault(self, ctx: DrillContext, pod: str) -> Fault:
        app = ctx.app
        if self.what == "all":
            return PodKill(app.namespace, selector=app.selector)
        if self.what == "pod":
            return PodKill(app.namespace, pod=pod)
        spec = next(p.spec for p in _ready(ctx) if p.metadata.name == pod)
        return ContainerKill(spec.node_name, app.namespace, pod, spec.containers[0].name)


def readiness_s(spec: Any) -> float:
    """Seconds that a pod's readiness probe needs to find it ready.

    InitialDelaySeconds + period x successThreshold.

    0 for a pod without one. Unset values are Kubernetes' defaults (core/v1, Probe: 0, 10 and 1).
    """
    probe = spec.containers[0].readiness_probe
    if probe is None:
        return 0.0
    return float(
        (probe.initial_delay_seconds or 0)
        + (probe.period_seconds or 10) * (probe.success_threshold or 1)
    )


def left_the_service(pod: str, noticed_s: float, sync_s: float) -> Prediction:
    """Until no request is sent to a dead pod any more."""
    seconds = noticed_s + sync_s
    how = (
        f"the kubelet sees it within {noticed_s:g} s"
        if noticed_s
        else "its removal from the API is seen at once"
    )
    return Prediction(
        seconds, (f"{pod} is dead: {how}, kube-proxy follows within {sync_s:g} s; a share fails",)
    )


def _ready(ctx: DrillContext) -> list[Any]:
    pods = ctx.cluster.api.pods(ctx.app.namespace, ctx.app.selector)
    return [pod for pod in pods if pod_is_ready(pod)]


DRILLS = (
    PodDrill(
        name="pod-killed",
        title="One pod of the app is killed",
        proves="the Service loses a dead pod in a moment",
        limits_because="kube-proxy takes a dead pod out within 1-2 s",
        what="pod",
    ),
    PodDrill(
        name="pods-all-killed",
        title="All pods of the app are killed at once",
        proves="the app is back as soon as new pods are ready, with nobody's help",
        limits=Limits(app_outage_s=30),
        limits_because="new pods start and pass their readiness probe",
        what="all",
    ),
    PodDrill(
        name="container-killed",
        title="The process of one container is killed",
        proves="the kubelet restarts a container that died, and its pod serves again",
        limits_because="the kubelet sees a dead container within 1 s, kube-proxy follows",
        what="container",
    ),
)
