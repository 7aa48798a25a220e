"""Rolling update of the app under traffic, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.choices import explain_missing_version
from kubedrill.core.drill import Drill, Family
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import planned_work

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


class AppRollout(Drill):
    """Update the app and roll it back."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a second version of the app."""
        return explain_missing_version(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name the app's Deployment."""
        return (f"{ctx.app.namespace}/{ctx.app.name}",)

    def expected(self, ctx: DrillContext) -> Expected:
        """Nothing may fail."""
        del ctx
        return planned_work(
            (
                "a new pod is Ready before an old one goes, and an old one leaves the Service "
                "before it stops (preStop)"
            ),
            "no control plane is touched",
        )

    def run(self, ctx: DrillContext) -> None:
        """Roll forward and back."""
        what = "the app at v1"
        ctx.undos.add(what, lambda: ctx.app.roll("v1"))
        for version in ("v2", "v1"):
            before = self._pods(ctx)
            with (
                ctx.step(ctx.target, f"roll to {version}", lane="fault"),
                ctx.step(ctx.target, f"roll to {version}"),
            ):
                ctx.app.roll(version)
            with ctx.step(ctx.target, f"{version}: until every probe is answered"):
                seconds = ctx.cluster.settings.timeouts.rollout
                ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="rollout")
            left = before & self._pods(ctx)
            ctx.witness(ctx.target, f"{version}: {self.evidence}", seen=bool(before) and not left)
        ctx.undos.drop(what)

    @staticmethod
    def _pods(ctx: DrillContext) -> set[str]:
        pods = ctx.cluster.api.pods(ctx.app.namespace, ctx.app.selector)
        return {pod.metadata.uid for pod in pods if pod.metadata.deletion_timestamp is None}


DRILLS = (
    AppRollout(
        name="app-rollout",
        title="Rolling update of the app, v1 to v2 and back",
        proves="a release and its rollback happen without one failed request",
        needs="the sample app's images v1 and v2",
        duration_s=90,
        family=Family.RELEASES,
        standard=True,
        limits=Limits(app_max_failed=0),
        evidence="every pod of the app is another one",
        limits_because="readiness and preStop must hide a rolling update",
        steps=(
            "The app runs v1.",
            "Roll out v2 and wait until every replica is updated.",
            "Roll back to v1 and wait again.",
        ),
    ),
)
