"""Undos that are armed on a node as transient systemd timers before a fault is made.

Should the harness die or be cut off, the node puts itself right: :class:`NodeUndo` runs a line of
shell on the broken node itself, :class:`UndoTimer` uncordons a node from a control plane.
"""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.api import ADMIN_CONF
from kubedrill.cluster.hosts import Hosts, HostUnreachable

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory

UNIT_PREFIX = "kubedrill-undo-"
"""All undos of kubedrill start with this, by which leftovers are detected."""

LOAD_PREFIX = "kubedrill-fault-"
"""Transient units that are a fault themselves (a filled disk, a memory hog) start with this."""


def timer_argv(unit: str, seconds: float, command: str) -> list[str]:
    """Return the command that arms ``command`` as a transient timer ``seconds`` from now.

    It is right to the second. systemd replaces ``${name}`` in a unit's command line, also where it
    is none of its variables; ``$$`` is a dollar (systemd.service(5), Command lines).
    """
    argv = ["systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--on-active={seconds:.0f}s"]
    return [*argv, "--timer-property=AccuracySec=1s", "/bin/sh", "-c", command.replace("$", "$$")]


@dataclass(frozen=True)
class NodeUndo:
    """The undo of one fault on ``node``: ``command`` for its own shell, safe to repeat.

    ``what`` names the fault.

    The timer does not survive a boot. Nor do stopped units, stopped processes and firewall rules;
    what does survive one (a manifest moved aside) is put back by the fault's own heal, and found by
    the scan for leftovers.
    """

    hosts: Hosts
    node: str
    what: str
    command: str

    @property
    def unit(self) -> str:
        """Name of the timer's unit, without its suffix."""
        return f"{UNIT_PREFIX}{self.node}-{self.what}"

    def arm(self, seconds: float) -> None:
        """Arm it for ``seconds`` from now.

        Raises:
            StepFailed: the node did not take it; nothing was broken yet.
            DeadlineExceeded: the node did not answer in time; nothing was broken yet.
        """
        self.disarm()
        self.hosts.change(self.node, timer_argv(self.unit, seconds, self.command))

    def run(self) -> None:
        """Put the fault back now.

        Raises:
            StepFailed: the node is out of reach, or the command failed; carries its own words.
        """
        self.hosts.change(self.node, ["/bin/sh", "-c", self.command])

    def disarm(self) -> None:
        """Stop the timer; one that is not armed, or a node that does not answer, is fine."""
        with contextlib.suppress(HostUnreachable, DeadlineExceeded):
            self.hosts.change(self.node, ["systemctl", "stop", f"{self.unit}.timer"], check=False)


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
        """Arm it for ``seconds`` from now on a control plane that answers.

        On the node itself only as a last resort.

        Returns:
            The control plane's name.

        Raises:
            StepFailed: no control plane took it; nothing was cordoned yet.
        """
        self.disarm()
        argv = timer_argv(
            self.unit,
            seconds,
            f"kubectl --kubeconfig {ADMIN_CONF} uncordon {shlex.quote(self.node)}",
        )
        errors = []
        for keeper in sorted(
            self.inventory.control_planes, key=lambda node: node.name == self.node
        ):
            try:
                self.hosts.change(keeper, argv)
            except (HostUnreachable, StepFailed, DeadlineExceeded) as error:
                errors.append(f"  - {error}")
                continue
            return keeper.name
        raise StepFailed(
            "the undo could not be armed on any control plane, so nothing was cordoned:\n"
            + "\n".join(errors)
        )

    def disarm(self) -> None:
        """Stop the timer on every control plane that answers; one that is not armed is fine."""
        for keeper in self.inventory.control_planes:
            with contextlib.suppress(HostUnreachable, DeadlineExceeded):
                self.hosts.change(keeper, ["systemctl", "stop", f"{self.unit}.timer"], check=False)


def units_on(hosts: Hosts, node: str) -> list[str]:
    """Names of kubedrill's transient units on one node.

    Raises:
        HostUnreachable: the node does not answer.
        DeadlineExceeded: it did not answer in time.
    """
    listing = [
        "systemctl",
        "list-units",
        "--all",
        "--plain",
        "--no-legend",
        f"{UNIT_PREFIX}*",
        f"{LOAD_PREFIX}*",
    ]
    return [
        line.split()[0]
        for line in hosts.read(node, listing, check=False).stdout.splitlines()
        if line.strip()
    ]
