"""A release of the app that does not work.

The old one has to go on serving until it is rolled back.

By hand: ``kubectl -n kubedrill-app rollout status deployment/hello``, ``kubectl -n kubedrill-app
get pod``, ``kubectl -n kubedrill-app rollout undo deployment/hello``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.waits import pause
from kubedrill.core.choices import explain_missing_version
from kubedrill.core.drill import Drill, Family
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import planned_work
from kubedrill.faults import BadRollout

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


STEPS = (
    (
        "Arm the rollback on a control plane, then release a version whose image is missing, "
        "that crashes, or is never ready."
    ),
    "Wait until Kubernetes tells of the new pod what is wrong with it. Leave it so for a while.",
    (
        "Every replica of the old release has to be there and to serve: none may be given up "
        "for one that does not."
    ),
    "Roll back, and wait until the app is complete again.",
)


HOLD_S = 10.0
"""Seconds that the broken release stays: ten failed readiness probes of the app's, one second
apart."""


@dataclass(frozen=True, kw_only=True)
class BadRolloutDrill(Drill):
    """Release something that is ``wrong``."""

    wrong: str
    needs: str = "a Deployment that gives up no pod before the new one is ready (maxUnavailable 0)"
    duration_s: int = 60
    family: Family = Family.RELEASES
    order: int = 1
    steps: tuple[str, ...] = STEPS
    evidence: str = BadRollout.evidence
    limits_because: str = "no old pod goes before a new one is ready"

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a Deployment that is updated pod by pod, and a version to bring it back to."""
        return explain_missing_version(ctx) or self._fault(ctx).available(ctx.cluster)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name the app's Deployment."""
        return (self._fault(ctx).subject,)

    def expected(self, ctx: DrillContext) -> Expected:
        """Nothing may fail."""
        del ctx
        return planned_work(
            "no old pod goes before a new one is Ready (maxUnavailable 0), and none gets Ready",
            "no control plane is touched",
        )

    def run(self, ctx: DrillContext) -> None:
        """Release, see it fail, roll back."""
        api, app, fault = ctx.cluster.api, ctx.app, self._fault(ctx)
        ctx.undos.add("the app at v1", lambda: app.roll("v1"))
        with ctx.fault(fault, least_s=HOLD_S):
            symptom = fault.symptom(ctx.cluster)
            with ctx.step(ctx.target, f"{fault.name}: for {HOLD_S:g} s"):
                pause(HOLD_S)
            status = api.apps.read_namespaced_deployment(app.name, app.namespace)
            ready, replicas = status.status.ready_replicas or 0, status.spec.replicas
            ctx.check(
                "old-release-complete",
                "the old release keeps every replica",
                ready >= replicas,
                f"{ready} ready; {symptom}",
                f"{replicas}",
            )
        with ctx.step(ctx.target, "rolled back: until the app is complete again"):
            gone = "the broken release's pod to be gone"
            api.wait(gone, lambda: fault.symptom(ctx.cluster) or None, setting="pods_ready")
            app.wait_ready()
        ctx.undos.drop("the app at v1")
        with ctx.step(ctx.target, "rolled back: until every probe is answered"):
            seconds = ctx.cluster.settings.timeouts.rollout
            ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="rollout")

    def _fault(self, ctx: DrillContext) -> BadRollout:
        return BadRollout(ctx.app.namespace, ctx.app.name, self.wrong, ctx.app.selector)


DRILLS = (
    BadRolloutDrill(
        name="rollout-image-missing",
        title="A release whose image is missing",
        proves="a release that cannot start costs no request, and a rollback ends it",
        wrong="image missing",
    ),
    BadRolloutDrill(
        name="rollout-crash-loop",
        title="A release that crashes",
        proves="a release that crashes costs no request, and a rollback ends it",
        wrong="crash loop",
    ),
    BadRolloutDrill(
        name="rollout-never-ready",
        title="A release that never gets ready",
        proves=(
            "readiness keeps a release that does not serve out of the Service, and a rollback "
            "ends it"
        ),
        wrong="never ready",
    ),
)
