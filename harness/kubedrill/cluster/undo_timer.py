"""Undos that are armed on a node as systemd timers before a fault is made.

Should the harness die or be cut off, the node puts itself right: :class:`NodeUndo` runs a line of
shell on the broken node itself, :class:`UndoTimer` uncordons a node from a control plane.

The timer is transient. What arms it stands in :data:`STORE` too, and a unit that is read at the
next boot arms it again with all of its time. An undo that fails is repeated until it succeeds,
which disarms it.
"""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.api import ADMIN_CONF
from kubedrill.cluster.hosts import Hosts, HostUnreachable

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.inventory import Inventory

UNIT_PREFIX = "kubedrill-undo-"
"""All undos of kubedrill start with this, by which leftovers are detected."""

LOAD_PREFIX = "kubedrill-fault-"
"""Transient units that are a fault themselves (a filled disk, a memory hog) start with this."""

BOOT_PREFIX = "kubedrill-boot-"
"""Units that arm an undo again after a boot. systemd keeps them in memory until it is reloaded, so
they are no leftovers: what stands in the store is."""

STORE = "/var/lib/kubedrill-undo"
"""Armed undos on a node's disk: a file with the name of its timer, which holds what arms it."""

UNITS = "/etc/systemd/system"

RETRY_S = 30
"""Seconds from an undo that failed to its next attempt: an API server may be starting."""


def timer_argv(unit: str, seconds: float, command: str) -> list[str]:
    """Return the command that arms ``command`` as a transient timer ``seconds`` from now.

    It is right to the second. systemd replaces ``${name}`` in a unit's command line, also where it
    is none of its variables; ``$$`` is a dollar (systemd.service(5), Command lines).
    """
    argv = ["systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--on-active={seconds:.0f}s"]
    return [*argv, "--timer-property=AccuracySec=1s", "/bin/sh", "-c", command.replace("$", "$$")]


def undo_argv(unit: str, seconds: float, command: str) -> list[str]:
    """Return the command that arms an undo, which is repeated until it has succeeded.

    Then nothing is stored any more, and the repetition after that only stops the timer: a service
    whose own timer is gone would vanish as it ends, and nobody could wait for its end.
    """
    stop, remove = _forgetting(unit)
    line = f"if [ ! -e {STORE}/{unit}.timer ]; then {stop}; exit 0; fi; ({command}\n) && {remove}"
    argv = timer_argv(unit, seconds, line)
    place = argv.index("/bin/sh")
    return [*argv[:place], f"--on-unit-inactive={RETRY_S}s", *argv[place:]]


def store_line(unit: str) -> str:
    """Return the shell that stores the arming command, from its input, for the next boots."""
    text = Path(__file__).with_name("scripts").joinpath("store_undo.sh").read_text(encoding="utf-8")
    return f"set -- {shlex.join([f'{unit}.timer', _boot_unit(unit), STORE, UNITS])}\n{text}"


def forget_line(unit: str) -> str:
    """Return the shell that disarms an undo, now and for the next boots.

    Safe where it is not armed.
    """
    stop, remove = _forgetting(unit)
    return f"{stop} 2>/dev/null; {remove}"


def _forgetting(unit: str) -> tuple[str, str]:
    """What stops an undo's timer, and what removes all that is stored of it."""
    boot, timer = _boot_unit(unit), f"{unit}.timer"
    files = [f"{UNITS}/multi-user.target.wants/{boot}", f"{UNITS}/{boot}", f"{STORE}/{timer}"]
    remove = f"rm -f {shlex.join(files)}; rmdir {STORE} 2>/dev/null; true"
    return f"systemctl stop {shlex.quote(timer)}", f"{{ {remove}; }}"


def _boot_unit(unit: str) -> str:
    return f"{BOOT_PREFIX}{unit.removeprefix(UNIT_PREFIX)}.service"


def _arm(hosts: Hosts, node: Node | str, unit: str, seconds: float, command: str) -> None:
    """Store an undo, then arm it; one that could not be armed is not left in the store."""
    argv = undo_argv(unit, seconds, command)
    stop, _ = _forgetting(unit)
    try:
        hosts.change(node, f"{stop} 2>/dev/null\n{store_line(unit)}", stdin=shlex.join(argv) + "\n")
        hosts.change(node, argv)
    except (StepFailed, DeadlineExceeded):
        _disarm(hosts, node, unit)
        raise


def _disarm(hosts: Hosts, node: Node | str, unit: str) -> None:
    with contextlib.suppress(HostUnreachable, DeadlineExceeded):
        hosts.change(node, forget_line(unit), check=False)


@dataclass(frozen=True)
class NodeUndo:
    """The undo of one fault on ``node``: ``command`` for its own shell, safe to repeat.

    ``what`` names the fault.
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
        _arm(self.hosts, self.node, self.unit, seconds, self.command)

    def run(self) -> None:
        """Put the fault back now.

        Raises:
            StepFailed: the node is out of reach, or the command failed; carries its own words.
        """
        self.hosts.change(self.node, ["/bin/sh", "-c", self.command])

    def disarm(self) -> None:
        """Stop the timer; one that is not armed, or a node that does not answer, is fine."""
        _disarm(self.hosts, self.node, self.unit)


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
        command = f"kubectl --kubeconfig {ADMIN_CONF} uncordon {shlex.quote(self.node)}"
        errors = []
        for keeper in sorted(
            self.inventory.control_planes, key=lambda node: node.name == self.node
        ):
            try:
                _arm(self.hosts, keeper, self.unit, seconds, command)
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
            _disarm(self.hosts, keeper, self.unit)


LIST_UNITS = (
    "{ systemctl list-units --all --plain --no-legend --no-pager "
    f"'{UNIT_PREFIX}*' '{LOAD_PREFIX}*'; ls \"$root{STORE}\" 2>/dev/null; }} | awk '!seen[$1]++'"
)
"""Shell that lists the units of undos and faults, and the undos that are only stored: those of a
node that is booting, or whose timer somebody stopped. ``$root`` is empty but in tests."""


def units_on(hosts: Hosts, node: str) -> list[str]:
    """Names of kubedrill's transient units on one node, with those of stored undos.

    Raises:
        HostUnreachable: the node does not answer.
        DeadlineExceeded: it did not answer in time.
    """
    output = hosts.read(node, f"root=; {LIST_UNITS}", check=False).stdout
    return [line.split()[0] for line in output.splitlines() if line.strip()]
