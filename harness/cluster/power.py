"""A node's power, switched from outside: the node is never asked, so nothing on it is flushed, stopped or warned.

In this order: the ``power_off`` and ``power_on`` commands that the inventory names (run on the controller); the
container that is this node (its init is killed by SIGKILL from outside, with all that runs in it); the virtual machine
that Vagrant made (`vagrant halt --force` pulls the plug).

A killed container loses its processes, memory, network and tmpfs at once, as a power cut does; what it had written to
files is with the host's kernel and survives, which a real disk does not promise for writes that were not synced.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cluster.vagrant import made_by_vagrant, vagrant_environment
from harness.config import PROJECT_ROOT
from harness.errors import DeadlineExceeded, StepFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cluster.inventory import Inventory
    from harness.config import Settings
    from harness.model import Node

DOCKER = "/usr/bin/docker"
"""Debian's client; another `docker` may stand before it on PATH."""
_ADDRESS = "{{range .NetworkSettings.Networks}}{{with .IPAMConfig}}{{.IPv4Address}} {{end}}{{end}}"


@dataclass(frozen=True, slots=True)
class Switch:
    """The two commands for one node. ``already_off`` is what the off command says of a node that is off."""

    off: tuple[str, ...]
    on: tuple[str, ...]
    environment: dict[str, str] | None = field(default=None, hash=False, repr=False)
    already_off: str = ""


class Power:
    """Switches nodes of one inventory. Both verbs return when the command is done, not when the node has booted."""

    def __init__(self, inventory: Inventory, settings: Settings) -> None:
        self.inventory = inventory
        self._seconds = settings.timeouts.power

    def available(self, node: Node) -> str | None:
        """Say why this node's power cannot be switched from here, None when it can."""
        if self._switch(node) is not None:
            return None
        return (
            f"{node.name}: found no way to cut its power from outside; expected power_off and power_on commands in "
            f"{self.inventory.path}, or a node that `vagrant up` made on this host"
        )

    def off(self, node: Node) -> None:
        """Cut the power; a node that is off stays off.

        Raises:
            StepFailed: there is no way to do it, or the command failed; carries its own words.
            DeadlineExceeded: the command did not end within ``timeouts.power``.
        """
        switch = self._need(node)
        self._run(f"power off {node.name}", switch.off, switch, forgiven=switch.already_off)

    def on(self, node: Node) -> None:
        """Give the power back; a node that is on stays on.

        Raises:
            StepFailed: there is no way to do it, or the command failed; carries its own words.
            DeadlineExceeded: the command did not end within ``timeouts.power``.
        """
        switch = self._need(node)
        self._run(f"power on {node.name}", switch.on, switch)

    def _need(self, node: Node) -> Switch:
        switch = self._switch(node)
        if switch is None:
            raise StepFailed(self.available(node) or f"{node.name}: its power switch just went away; try again")
        return switch

    def _switch(self, node: Node) -> Switch | None:
        variables = node.host_vars
        if "power_off" in variables and "power_on" in variables:
            return Switch(("/bin/sh", "-c", str(variables["power_off"])), ("/bin/sh", "-c", str(variables["power_on"])))
        container = f"{self.inventory.name}-{node.name}"
        if is_container(container, node.address):
            off = (DOCKER, "kill", "--signal=KILL", container)
            return Switch(off, (DOCKER, "start", container), already_off="is not running")
        environment = vagrant_environment(self.inventory.path, self.inventory.name)
        if made_by_vagrant(self.inventory) and has_machine(node.name, environment):
            on = ("vagrant", "up", "--no-provision", node.name)
            return Switch(("vagrant", "halt", "--force", node.name), on, environment)
        return None

    def _run(self, what: str, argv: Sequence[str], switch: Switch, forgiven: str = "") -> None:
        try:
            done = subprocess.run(
                argv,
                cwd=PROJECT_ROOT,
                env=switch.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DeadlineExceeded(f"the command that should {what}", self._seconds, "power") from error
        except OSError as error:
            raise StepFailed(f"{what}: {argv[0]} could not be started: {error.strerror}") from error
        words = (done.stderr.strip() or done.stdout.strip())[-2000:]
        if done.returncode != 0 and not (forgiven and forgiven in words):
            raise StepFailed(f"{what}: the command ended with {done.returncode} and said: {words or '(nothing)'}")


def is_container(name: str, address: str) -> bool:
    """Whether a container of that name was made with that address: a namesake of another cluster is not the node."""
    try:
        asked = subprocess.run(
            [DOCKER, "container", "inspect", "--format", _ADDRESS, name],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and address in asked.stdout.split()


def has_machine(name: str, environment: dict[str, str]) -> bool:
    """Whether Vagrant made a virtual machine of that name."""
    state = Path(environment.get("VAGRANT_DOTFILE_PATH") or PROJECT_ROOT / ".vagrant")
    return any((state / "machines" / name).glob("*/id"))
