"""Rolling update of the app under traffic, and back.

1. The app runs v1.
2. Roll out v2 and wait until every replica is updated.
3. Roll back to v1 and wait again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.drill import lacks_second_version
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import planned_work

if TYPE_CHECKING:
    from kubedrill.base.model import Budget
    from kubedrill.core.drill import DrillContext


class AppRollout:
    """Update the app and roll it back."""

    name = "app-rollout"
    title = "Rolling update of the app, v1 to v2 and back"
    proves = "a release and its rollback happen without one failed request"
    needs = "the sample app's images v1 and v2"
    takes_s = 90

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a second version of the app."""
        return lacks_second_version(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name the app's Deployment."""
        return (f"{ctx.app.namespace}/{ctx.app.name}",)

    def budgets(self, ctx: DrillContext, targets: tuple[str, ...]) -> list[Budget]:
        """Nothing may fail."""
        del targets
        return planned_work(
            ctx.limits_of(self.name),
            "a new pod is Ready before an old one goes, and an old one leaves the Service before it stops (preStop)",
            "no control plane is touched",
        )

    def run(self, ctx: DrillContext) -> None:
        """Roll forward and back."""
        what = "the app at v1"
        ctx.undos.add(what, lambda: ctx.app.roll("v1"))
        for version in ("v2", "v1"):
            with (
                ctx.step(ctx.target, f"roll to {version}", lane="fault"),
                ctx.step(ctx.target, f"roll to {version}"),
            ):
                ctx.app.roll(version)
            with ctx.step(ctx.target, f"{version}: until every probe is answered"):
                seconds = ctx.cluster.settings.timeouts.rollout
                ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="rollout")
        ctx.undos.drop(what)
