"""Power cut to a node from outside, with a watchdog on the harness host that gives it back if the harness dies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded, KubedrillError, StepFailed
from kubedrill.cluster.watchdog import Watchdog

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster


@dataclass
class PowerCut:
    """Cuts a node's power as a failed supply would.

    Nothing on the node is asked, flushed or stopped.
    """

    subject: str
    name: str = "power off"

    def available(self, cluster: Cluster) -> str | None:
        """Say why the node's power cannot be switched from here, None when it can."""
        return cluster.power.available(cluster.inventory.node(self.subject))

    def inject(self, cluster: Cluster) -> None:
        """Arm the watchdog, then cut the power.

        Raises:
            KubedrillError: the power could not be cut: the harness's failure, not the cluster's.
        """
        node = cluster.inventory.node(self.subject)
        self.watchdog(cluster).arm()
        try:
            cluster.power.off(node)
        except (StepFailed, DeadlineExceeded) as error:
            raise KubedrillError(f"the fault could not be made: {error}") from error
        cluster.hosts.forget(node)

    def heal(self, cluster: Cluster) -> None:
        """Give the power back and disarm the watchdog; a node that is on stays on."""
        node = cluster.inventory.node(self.subject)
        cluster.power.on(node)
        cluster.hosts.forget(node)
        self.watchdog(cluster).disarm()

    def watchdog(self, cluster: Cluster) -> Watchdog:
        """The undo on the harness host."""
        seconds = cluster.settings.timeouts.node_not_ready + cluster.settings.timeouts.recovery
        return Watchdog(cluster.inventory, self.subject, cluster.config_path, seconds=seconds)
