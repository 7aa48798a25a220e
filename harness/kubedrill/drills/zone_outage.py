"""All nodes of a zone lose their power at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.choices import ZONE, pick, zones
from kubedrill.core.drill import Drill, Family
from kubedrill.core.expectations import lost
from kubedrill.core.limits import PLANE_LOSS_S
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import Expected
from kubedrill.faults import ZoneOutage

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext


class ZoneOutageDrill(Drill):
    """Lose a zone."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a zone that may be lost."""
        candidates = zones(ctx)
        if not candidates:
            return (
                f"no node has the label {ZONE}; label the nodes (kubectl label node NAME "
                f"{ZONE}=ZONE)"
            )
        reasons = [_refusal(ctx, zone, nodes) for zone, nodes in candidates.items()]
        return None if None in reasons else "; ".join(str(reason) for reason in reasons)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the zone; the targets are its nodes."""
        candidates = zones(ctx)
        return candidates[
            pick(
                ctx.rng,
                [z for z, nodes in candidates.items() if not _refusal(ctx, z, nodes)],
                "zone",
            )
        ]

    def expected(self, ctx: DrillContext) -> Expected:
        """The losses of its nodes, side by side."""
        each = [lost(ctx, node) for node in ctx.targets]
        return Expected(
            tuple(part for one in each for part in one.app),
            tuple(part for one in each for part in one.api),
            tuple(part for one in each for part in one.dns),
            f"{', '.join(ctx.targets)} hold nothing that the app needs",
            f"{', '.join(ctx.targets)} are not in the way to the API",
            f"no CoreDNS pod is on {', '.join(ctx.targets)}",
        )

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back."""
        api, timeouts = ctx.cluster.api, ctx.cluster.settings.timeouts
        zone = next((zone for zone, nodes in zones(ctx).items() if nodes == ctx.targets), "?")

        def ready(expected: bool) -> str | None:
            wrong = [node for node in ctx.targets if api.ready(node) != expected]
            return f"{'NotReady' if expected else 'Ready'}: {', '.join(wrong)}" if wrong else None

        with ctx.fault(ZoneOutage(zone, ctx.targets)):
            with ctx.step(zone, "power off: until Kubernetes marks its nodes NotReady"):
                api.wait(
                    f"zone {zone} to be NotReady",
                    lambda: ready(expected=False),
                    setting="node_not_ready",
                )
            with ctx.step(zone, "power off: until every probe is answered without it"):
                ctx.wait_answering(
                    "*", for_s=CALM_S, seconds=timeouts.node_not_ready, setting="node_not_ready"
                )
        with ctx.step(zone, "boot: until Ready"):
            api.wait(f"zone {zone} to be Ready", lambda: ready(expected=True), setting="node_ready")


def _refusal(ctx: DrillContext, zone: str, nodes: tuple[str, ...]) -> str | None:
    """Why a zone may not be lost; None when it may."""
    inventory = ctx.cluster.inventory
    if all(node.name in nodes for node in inventory.workers):
        return f"zone {zone} has every worker"
    return ZoneOutage(zone, nodes).available(ctx.cluster)


DRILLS = (
    ZoneOutageDrill(
        name="zone-outage",
        title="Power cut to all nodes of a zone",
        proves="the app and the API survive the loss of a whole zone",
        needs=f"nodes labelled {ZONE}, 3 control planes or more in 3 zones, power control",
        duration_s=150,
        family=Family.FAILOVER,
        order=3,
        limits=Limits(app_outage_s=PLANE_LOSS_S, api_outage_s=6, dns_outage_s=PLANE_LOSS_S),
        evidence=ZoneOutage.evidence,
        limits_because="as the loss of its nodes",
        steps=(
            (
                "Choose a zone by the seed: nodes with the same label topology.kubernetes.io/zone, "
                "without which etcd keeps its quorum and a worker is left."
            ),
            "Cut the power of all its nodes from outside.",
            "Wait until Kubernetes marks each NotReady and every probe is answered without them.",
            "Give the power back and wait until each is Ready.",
        ),
    ),
)
