"""A node's power, switched from outside.

The node is never asked, so nothing on it is flushed, stopped or warned.

Pausing is switched from outside too: the node stops between two instructions and knows nothing of
it.

In this order: the ``power_off`` and ``power_on`` commands that the inventory names (run on the
controller); the container that is this node (its init is killed by SIGKILL from outside, with all
that runs in it); the virtual machine that Vagrant made (libvirt's own commands where it is
libvirt's, else `vagrant halt --force`: both pull the plug, but Vagrant reads all of its plugins
first).

A killed container loses its processes, memory, network and tmpfs at once, as a power cut does; what
it had written to files is with the host's kernel and survives, which a real disk does not promise
for writes that were not synced.

Commands of the inventory often refuse what is so already (``virsh start`` of a machine that runs,
``virsh resume`` of one that is not paused). Such a refusal counts only where the node does not
answer.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from kubedrill.base.errors import ConfigErrors, DeadlineExceeded, StepFailed
from kubedrill.base.project import state_folder
from kubedrill.cluster.power_switch import Switch, find_switch
from kubedrill.cluster.ssh_connect import Line
from kubedrill.cluster.ssh_options import SshOptions
from kubedrill.local.unfreeze import unfreeze

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubedrill.base.model import Node
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

_PAUSED = ("is already paused",)
_NOT_PAUSED = ("is not paused", "is already running")
"""What Docker, and libvirt after it, say of a node that is in the state which was asked for."""
_OFF = ("false", "shut off")
"""How Docker says that a container does not run, and libvirt that a machine is off."""
GREETING_S = 5.0
"""Seconds for a node's SSH server to greet; sshd does so in milliseconds, on a crowded host within
a second."""


class Power:
    """Switches nodes of one inventory.

    Both verbs return when the command is done, not when the node has booted.
    """

    def __init__(self, inventory: Inventory, settings: Settings) -> None:
        self.inventory = inventory
        self._seconds = settings.timeouts.power

    def available(self, node: Node) -> str | None:
        """Say why this node's power cannot be switched from here, None when it can."""
        if find_switch(node, self.inventory) is not None:
            return None
        return (
            f"{node.name}: found no way to cut its power from outside; expected power_off and "
            f"power_on commands in {self.inventory.path}, or a node that `vagrant up` made on this "
            "host"
        )

    def off(self, node: Node) -> None:
        """Cut the power; a node that is off stays off.

        Raises:
            StepFailed: there is no way to do it, or the command failed; carries its own words.
            DeadlineExceeded: the command did not end within ``timeouts.power``.
        """
        switch = self._need(node)
        if switch.container:
            unfreeze(switch.container)
        self._run(f"power off {node.name}", switch.off, switch, forgiven=switch.already_off)

    def on(self, node: Node) -> None:
        """Give the power back; a node that is on stays on.

        Raises:
            StepFailed: there is no way to do it, or the command failed and the node does not
                answer; carries its words.
            DeadlineExceeded: the command did not end within ``timeouts.power``.
        """
        switch = self._need(node)
        with _unless_it_answers(node):
            self._run(f"power on {node.name}", switch.on, switch)

    def pause_available(self, node: Node) -> str | None:
        """Say why this node cannot be paused from here, None when it can."""
        switch = find_switch(node, self.inventory)
        if switch is not None and switch.pause:
            return None
        present = [name for name in ("power_pause", "power_resume") if name in node.host_vars]
        return (
            f"{node.name}: found no way to pause it from outside (it has "
            f"{', '.join(present) or 'neither command'}); expected power_pause and power_resume "
            f"commands beside power_off and power_on in {self.inventory.path}, "
            "or a container or a machine of libvirt that `vagrant up` made on this host"
        )

    def pause(self, node: Node) -> None:
        """Stop the node between two instructions; nothing of it runs until :meth:`resume`.

        Raises:
            StepFailed: there is no way to do it, or the command failed; carries its own words.
            DeadlineExceeded: the command did not end within ``timeouts.power``.
        """
        switch = self._need(node)
        if not switch.pause:
            raise StepFailed(self.pause_available(node) or f"{node.name} cannot be paused")
        self._run(f"pause {node.name}", switch.pause, switch, forgiven=_PAUSED)

    def resume(self, node: Node) -> None:
        """Let a paused node go on; one that is not paused is left as it is.

        Raises:
            StepFailed: the command failed and the node does not answer, as one that is off; carries
                its words.
            DeadlineExceeded: the command did not end within ``timeouts.power``.
        """
        switch = self._need(node)
        if switch.resume:
            with _unless_it_answers(node):
                self._run(f"resume {node.name}", switch.resume, switch, forgiven=_NOT_PAUSED)

    def is_off(self, node: Node) -> bool:
        """Whether the node is surely off; False also where only the node itself could say."""
        switch = self._need(node)
        if not switch.running:
            return False
        return self._run(f"ask whether {node.name} is on", switch.running, switch).strip() in _OFF

    def _need(self, node: Node) -> Switch:
        switch = find_switch(node, self.inventory)
        if switch is None:
            raise StepFailed(
                self.available(node) or f"{node.name}: its power switch just went away; try again"
            )
        return switch

    def _run(
        self, what: str, argv: Sequence[str], switch: Switch, forgiven: tuple[str, ...] = ()
    ) -> str:
        """Run a command within the deadline and return what it printed."""
        try:
            done = subprocess.run(
                argv,
                cwd=state_folder(),
                env=switch.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DeadlineExceeded(
                f"the command that should {what}", self._seconds, "power"
            ) from error
        except OSError as error:
            raise StepFailed(f"{what}: {argv[0]} could not be started: {error.strerror}") from error
        words = (done.stderr.strip() or done.stdout.strip())[-2000:]
        if done.returncode != 0 and not any(phrase in words for phrase in forgiven):
            raise StepFailed(
                f"{what}: the command ended with {done.returncode} and said: {words or '(nothing)'}"
            )
        return done.stdout


@contextlib.contextmanager
def _unless_it_answers(node: Node) -> Iterator[None]:
    """Forgive a failed command where the node is as it should be already: it runs."""
    try:
        yield
    except StepFailed:
        with contextlib.suppress(ConfigErrors):
            if greets(SshOptions.of(node)):
                return
        raise


def greets(options: SshOptions, seconds: float = GREETING_S) -> bool:
    """Whether a node's SSH server says who it is, within some seconds.

    For a paused container its host accepts connections, in silence.
    """
    try:
        with Line.open(options, seconds) as line:
            return line.socket.recv(4) == b"SSH-"  # the timeout holds for this too
    except OSError:
        return False
