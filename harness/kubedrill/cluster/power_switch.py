"""The ways to switch one node's power from outside.

Commands of the inventory, a container of this host, a machine of libvirt, or one of Vagrant's.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.answers import answer_of
from kubedrill.base.project import state_folder
from kubedrill.cluster.vagrant import made_by_vagrant, vagrant_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedrill.base.model import Node
    from kubedrill.cluster.inventory import Inventory

DOCKER = "/usr/bin/docker"
"""Debian's client; another `docker` may stand before it on PATH."""
VIRSH = ("virsh", "--connect", "qemu:///system")
"""vagrant-libvirt's default place for its machines."""
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


def find_switch(node: Node, inventory: Inventory) -> Switch | None:
    """Return how this node is switched, None where there is no way."""
    variables = node.host_vars
    if "power_off" in variables and "power_on" in variables:
        off, on, *pausing = (
            shell(str(variables[f"power_{verb}"]))
            for verb in ("off", "on", "pause", "resume")
            if f"power_{verb}" in variables
        )
        pause, resume = pausing if len(pausing) == 2 else ((), ())
        return Switch(off, on, pause=pause, resume=resume)
    container = f"{inventory.name}-{node.name}"
    if is_container(container, node.address):
        return container_switch(container)
    environment = vagrant_environment(inventory.path, inventory.name)
    machine = find_machine(node.name, environment) if made_by_vagrant(inventory) else None
    if machine is None:
        return None
    if machine.provider == "libvirt" and has_domain(machine.identity):
        return libvirt_switch(machine.identity)
    on = ("vagrant", "up", "--no-provision", node.name)
    return Switch(("vagrant", "halt", "--force", node.name), on, environment)


def shell(line: str) -> tuple[str, ...]:
    """Return the command that runs a line of shell."""
    return ("/bin/sh", "-c", line)


def container_switch(name: str) -> Switch:
    """A container's switch. ``docker start`` refuses one that is paused, so "on" wakes it first."""
    quoted = shlex.quote(name)
    return Switch(
        (DOCKER, "kill", "--signal=KILL", name),
        shell(f"{DOCKER} unpause {quoted} >/dev/null 2>&1; exec {DOCKER} start {quoted}"),
        already_off=("is not running",),
        pause=(DOCKER, "pause", name),
        resume=(DOCKER, "unpause", name),
        running=(DOCKER, "container", "inspect", "--format", "{{.State.Running}}", name),
        container=name,
    )


def libvirt_switch(identity: str) -> Switch:
    """A machine of libvirt. ``virsh start`` refuses one that is paused, so "on" wakes it first."""
    virsh, quoted = shlex.join(VIRSH), shlex.quote(identity)
    return Switch(
        # libvirt's word for pulling the plug: the machine and its disk stay
        (*VIRSH, "destroy", identity),
        shell(f"{virsh} resume {quoted} >/dev/null 2>&1; exec {virsh} start {quoted}"),
        {**os.environ, "LC_ALL": "C"},  # its words are translated, and compared here
        already_off=("is not running",),
        pause=(*VIRSH, "suspend", identity),
        resume=(*VIRSH, "resume", identity),
        running=(*VIRSH, "domstate", identity),
    )


def is_container(name: str, address: str) -> bool:
    """Whether a container of that name was made with that address.

    A namesake of another cluster is not the node.
    """
    addresses = answer_of(DOCKER, "container", "inspect", "--format", _ADDRESS, name)
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
    return answer_of(*VIRSH, "domstate", identity) is not None
