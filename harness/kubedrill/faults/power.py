"""Power cut to a node from outside, with a watchdog on the harness host that gives it back if the harness dies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded, KubedrillError, StepFailed
from kubedrill.cluster.watchdog import Watchdog

if TYPE_CHECKING:
    from kubedrill.faults.base import FaultContext


@dataclass
class PowerCut:
    """Cuts a node's power as a failed supply would.

    Nothing on the node is asked, flushed or stopped.
    """

    subject: str
    name: str = "power off"

    def available(self, ctx: FaultContext) -> str | None:
        """Say why the node's power cannot be switched from here, None when it can."""
        return ctx.power.available(ctx.inventory.node(self.subject))

    def inject(self, ctx: FaultContext) -> None:
        """Arm the watchdog, then cut the power.

        Raises:
            KubedrillError: the power could not be cut: the harness's failure, not the cluster's.
        """
        node = ctx.inventory.node(self.subject)
        self.watchdog(ctx).arm()
        try:
            ctx.power.off(node)
        except (StepFailed, DeadlineExceeded) as error:
            raise KubedrillError(f"the fault could not be made: {error}") from error
        ctx.hosts.forget(node)

    def heal(self, ctx: FaultContext) -> None:
        """Give the power back and disarm the watchdog; a node that is on stays on."""
        node = ctx.inventory.node(self.subject)
        ctx.power.on(node)
        ctx.hosts.forget(node)
        self.watchdog(ctx).disarm()

    def watchdog(self, ctx: FaultContext) -> Watchdog:
        """The undo on the harness host."""
        seconds = ctx.settings.timeouts.node_not_ready + ctx.settings.timeouts.recovery
        return Watchdog(ctx.inventory, self.subject, ctx.config_path, seconds=seconds)
