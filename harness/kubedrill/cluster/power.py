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
import os
import shlex
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import ConfigErrors, DeadlineExceeded, StepFailed
from kubedrill.base.project import state_folder
from kubedrill.cluster.ssh_options import SshOptions
from kubedrill.cluster.vagrant import made_by_vagrant, vagrant_environment
from kubedrill.local.unfreeze import unfreeze

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kubedrill.base.model import Node
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

DOCKER = "/usr/bin/docker"
"""Debian's client; another `docker` may stand before it on PATH."""
VIRSH = ("virsh", "--connect", "qemu:///system")
"""vagrant-libvirt's default place for its machines."""
_PAUSED = ("is already paused",)
_NOT_PAUSED = ("is not paused", "is already running")
"""What Docker, and libvirt after it, say of a node that is in the state which was asked for."""
_OFF = ("false", "shut off")
"""How Docker says that a container does not run, and libvirt that a machine is off."""
GREETING_S = 5.0
"""Seconds for a node's SSH server to greet; sshd does so in milliseconds, on a crowded host within
a second."""
_ADDRESS = "{{range .NetworkSettings.Networks}}{{with .IPAMConfig}}{{.IPv4Address}} {{end}}{{end}}"


@dataclass(frozen=True, slots=True)
class Switch:
    """The commands for one node.

    ``already_off`` is what the off command says of a node that is off.

    ``pause`` and ``resume`` are empty where a node cannot be paused; ``running`` asks whether it is
    on, and is empty where nobody but the node could say. ``container`` is the name of one, or
    empty.
    """

    off: tuple[str, ...]
    on: tuple[str, ...]
    environment: dict[str, str] | None = field(default=None, hash=False, repr=False)
    already_off: tuple[str, ...] = ()
    pause: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    container: str = ""


class Power:
    """Switches nodes of one inventory.

    Both verbs return when the command is done, not when the node has booted.
    """

    def __init__(self, inventory: Inventory, settings: Settings) -> None:
        self.inventory = inventory
        self._seconds = settings.timeouts.power

    def available(self, node: Node) -> str | None:
        """Say why this node's power cannot be switched from here, None when it can."""
        if self._switch(node) is not None:
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
        switch = self._switch(node)
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
        switch = self._switch(node)
        if switch is None:
            raise StepFailed(
                self.available(node) or f"{node.name}: its power switch just went away; try again"
            )
        return switch

    def _switch(self, node: Node) -> Switch | None:
        variables = node.host_vars
        if "power_off" in variables and "power_on" in variables:
            return _commands(variables)
        container = f"{self.inventory.name}-{node.name}"
        if is_container(container, node.address):
            return _container(container)
        environment = vagrant_environment(self.inventory.path, self.inventory.name)
        machine = find_machine(node.name, environment) if made_by_vagrant(self.inventory) else None
        if machine is None:
            return None
        if machine.provider == "libvirt" and has_domain(machine.identity):
            return _domain(machine.identity)
        on = ("vagrant", "up", "--no-provision", node.name)
        return Switch(("vagrant", "halt", "--force", node.name), on, environment)

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


def _commands(variables: Mapping[str, Any]) -> Switch:
    """The inventory's commands; those for pausing are optional."""

    def shell(name: str) -> tuple[str, ...]:
        return ("/bin/sh", "-c", str(variables[name]))

    both = "power_pause" in variables and "power_resume" in variables
    pause, resume = (shell("power_pause"), shell("power_resume")) if both else ((), ())
    return Switch(shell("power_off"), shell("power_on"), pause=pause, resume=resume)


def _container(name: str) -> Switch:
    """A container's switch. ``docker start`` refuses one that is paused, so "on" wakes it first."""
    return Switch(
        (DOCKER, "kill", "--signal=KILL", name),
        ("/bin/sh", "-c", f"{DOCKER} unpause {name} >/dev/null 2>&1; exec {DOCKER} start {name}"),
        already_off=("is not running",),
        pause=(DOCKER, "pause", name),
        resume=(DOCKER, "unpause", name),
        running=(DOCKER, "container", "inspect", "--format", "{{.State.Running}}", name),
        container=name,
    )


def _domain(identity: str) -> Switch:
    """A machine of libvirt. ``virsh start`` refuses one that is paused, so "on" wakes it first."""
    virsh = shlex.join(VIRSH)
    return Switch(
        (
            *VIRSH,
            "destroy",
            identity,
        ),  # libvirt's word for pulling the plug: the machine and its disk stay
        (
            "/bin/sh",
            "-c",
            f"{virsh} resume {identity} >/dev/null 2>&1; exec {virsh} start {identity}",
        ),
        {**os.environ, "LC_ALL": "C"},  # its words are translated, and compared here
        already_off=("is not running",),
        pause=(*VIRSH, "suspend", identity),
        resume=(*VIRSH, "resume", identity),
        running=(*VIRSH, "domstate", identity),
    )


@contextlib.contextmanager
def _unless_it_answers(node: Node) -> Iterator[None]:
    """Forgive a failed command where the node is as it should be already: it runs."""
    try:
        yield
    except StepFailed:
        if not greets(node):
            raise


def greets(node: Node) -> bool:
    """Whether the node's SSH server says who it is.

    For a paused container its host accepts connections, in silence.
    """
    with contextlib.suppress(OSError, ConfigErrors):
        port = SshOptions.of(node).port
        with socket.create_connection((node.address, port), GREETING_S) as connection:
            return connection.recv(4) == b"SSH-"  # the timeout holds for this too
    return False


def is_container(name: str, address: str) -> bool:
    """Whether a container of that name was made with that address.

    A namesake of another cluster is not the node.
    """
    addresses = _answer(DOCKER, "container", "inspect", "--format", _ADDRESS, name)
    return addresses is not None and address in addresses.split()


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as Vagrant remembers it: its provider, and the provider's own name for it."""

    provider: str
    identity: str


def find_machine(name: str, environment: Mapping[str, str]) -> Machine | None:
    """The virtual machine of that name which Vagrant made, None where it made none."""
    state = Path(environment.get("VAGRANT_DOTFILE_PATH") or state_folder() / ".vagrant")
    for file in (state / "machines" / name).glob("*/id"):
        return Machine(file.parent.name, file.read_text(encoding="utf-8").strip())
    return None


def has_domain(identity: str) -> bool:
    """Whether libvirt on this host has that machine; Vagrant may have made it on another host."""
    return _answer(*VIRSH, "domstate", identity) is not None


def _answer(*argv: str) -> str | None:
    """What a command printed, None where it cannot be asked here or was refused."""
    try:
        asked = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout if asked.returncode == 0 else None
