"""The undo of a cordon, armed on a control plane as a transient systemd timer before the cordon is set.

Should the harness die or be cut off, the node takes pods again by itself.
"""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cluster.api import ADMIN_CONF
from harness.cluster.hosts import Hosts, HostUnreachable
from harness.errors import DeadlineExceeded, StepFailed

if TYPE_CHECKING:
    from harness.cluster.inventory import Inventory

UNIT_PREFIX = "kubedrill-undo-"
"""All transient units of kubedrill start with this; the residue check looks for it."""


@dataclass(frozen=True)
class UndoTimer:
    """Uncordons ``node`` after a deadline, unless it is disarmed first."""

    inventory: Inventory
    hosts: Hosts
    node: str

    @property
    def unit(self) -> str:
        """Name of the timer's unit, without its suffix."""
        return f"{UNIT_PREFIX}{self.node}"

    def arm(self, seconds: float) -> str:
        """Arm it for ``seconds`` from now on a control plane that answers; on the node itself only as a last resort.

        Returns:
            The control plane's name.

        Raises:
            StepFailed: no control plane took it; nothing was cordoned yet.
        """
        self.disarm()
        command = f"kubectl --kubeconfig {ADMIN_CONF} uncordon {shlex.quote(self.node)}"
        argv = ["systemd-run", "--quiet", "--collect", f"--unit={self.unit}", f"--on-active={seconds:.0f}s"]
        argv += ["--timer-property=AccuracySec=1s", "/bin/sh", "-c", command]
        said = []
        for keeper in sorted(self.inventory.control_planes, key=lambda node: node.name == self.node):
            try:
                self.hosts.check(keeper, argv)
            except (HostUnreachable, StepFailed, DeadlineExceeded) as error:
                said.append(f"  - {error}")
                continue
            return keeper.name
        raise StepFailed(
            "the undo could not be armed on any control plane, so nothing was cordoned:\n" + "\n".join(said)
        )

    def disarm(self) -> None:
        """Stop the timer on every control plane that answers; one that is not armed is fine."""
        for keeper in self.inventory.control_planes:
            with contextlib.suppress(HostUnreachable, DeadlineExceeded):
                self.hosts.run(keeper, ["systemctl", "stop", f"{self.unit}.timer"])


def armed_timers(inventory: Inventory, hosts: Hosts) -> list[str]:
    """Undo timers that are still armed, as "cp1: kubedrill-undo-w1.timer"; a node that does not answer shows none."""
    found = []
    listing = ["systemctl", "list-units", "--all", "--plain", "--no-legend", f"{UNIT_PREFIX}*"]
    for keeper in inventory.control_planes:
        with contextlib.suppress(HostUnreachable, DeadlineExceeded):
            lines = hosts.run(keeper, listing).stdout.splitlines()
            found += [f"{keeper.name}: {line.split()[0]}" for line in lines if line.strip()]
    return found
