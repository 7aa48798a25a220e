"""All nodes of a zone lose their power at once.

1. Choose a zone by the seed: nodes with the same label topology.kubernetes.io/zone, without which
   etcd keeps its quorum and a worker is left.
2. Cut the power of all its nodes from outside.
3. Wait until Kubernetes marks each NotReady and every probe is answered without them.
4. Give the power back and wait until each is Ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.choices import ZONE, zones
from kubedrill.core.drill import DrillContext, pick
from kubedrill.core.node_loss import CALM_S, describe_loss
from kubedrill.core.predictions import Expected, expected_budgets, loss_expected
from kubedrill.faults import ZoneOutage

if TYPE_CHECKING:
    from kubedrill.base.model import Budget


class ZoneOutageDrill:
    """Lose a zone."""

    name = "zone-outage"
    title = "Power cut to all nodes of a zone"
    proves = "the app and the API survive the loss of a whole zone"
    needs = f"nodes labelled {ZONE}, 3 control planes or more in 3 zones, power control"
    takes_s = 150

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a zone that may be lost."""
        found = zones(ctx)
        if not found:
            return f"no node has the label {ZONE}; label the nodes (kubectl label node NAME {ZONE}=ZONE)"
        reasons = [_refusal(ctx, zone, nodes) for zone, nodes in found.items()]
        return None if None in reasons else "; ".join(str(reason) for reason in reasons)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the zone; the targets are its nodes."""
        found = zones(ctx)
        return found[
            pick(
                ctx.rng,
                [z for z, nodes in found.items() if not _refusal(ctx, z, nodes)],
                "zone",
            )
        ]

    def budgets(self, ctx: DrillContext, targets: tuple[str, ...]) -> list[Budget]:
        """The losses of its nodes, side by side."""
        each = [loss_expected(ctx.timers, describe_loss(ctx, node)) for node in targets]
        together = Expected(
            tuple(part for one in each for part in one.app),
            tuple(part for one in each for part in one.api),
            tuple(part for one in each for part in one.dns),
            f"{', '.join(targets)} hold nothing that the app needs",
            f"{', '.join(targets)} are not in the way to the API",
            f"no CoreDNS pod is on {', '.join(targets)}",
        )
        return expected_budgets(ctx.limits_of(self.name), together)

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back."""
        api, timeouts = ctx.cluster.api, ctx.cluster.settings.timeouts
        zone = next((zone for zone, nodes in zones(ctx).items() if nodes == ctx.targets), "?")

        def ready(wanted: bool) -> str | None:
            wrong = [node for node in ctx.targets if api.ready(node) != wanted]
            return f"{'NotReady' if wanted else 'Ready'}: {', '.join(wrong)}" if wrong else None

        with ctx.fault(ZoneOutage(zone, ctx.targets)):
            with ctx.step(zone, "power off: until Kubernetes marks its nodes NotReady"):
                api.wait(
                    f"zone {zone} to be NotReady",
                    lambda: ready(wanted=False),
                    setting="node_not_ready",
                )
            with ctx.step(zone, "power off: until every probe is answered without it"):
                ctx.wait_answering(
                    "*", for_s=CALM_S, seconds=timeouts.node_not_ready, setting="node_not_ready"
                )
        with ctx.step(zone, "boot: until Ready"):
            api.wait(f"zone {zone} to be Ready", lambda: ready(wanted=True), setting="node_ready")


def _refusal(ctx: DrillContext, zone: str, nodes: tuple[str, ...]) -> str | None:
    """Why a zone may not be lost; None when it may."""
    inventory = ctx.cluster.inventory
    if all(node.name in nodes for node in inventory.workers):
        return f"zone {zone} has every worker"
    return ZoneOutage(zone, nodes).available(ctx.cluster)
