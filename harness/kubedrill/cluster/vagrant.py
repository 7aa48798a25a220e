"""Nodes that Vagrant makes: up, halt, destroy, state.

Which provider is Vagrant's own choice or the user's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from kubedrill.base.errors import StepFailed, UsageError
from kubedrill.base.project import IN_CHECKOUT, PLAYBOOKS, ROOT, state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kubedrill.cluster.inventory import Inventory

LOCAL_INVENTORY = ROOT / "inventories" / "local"
SIZE_VARIABLE = "vm_memory_mb"
"""A node with a size is one that Vagrant makes; a machine of one's own has the size that it has."""
_LAST_LINES = 15


def made_by_vagrant(inventory: Inventory) -> bool:
    """Whether Vagrant makes the nodes of this inventory.

    Each has ``vm_memory_mb``, the size of its machine.
    """
    return all(SIZE_VARIABLE in node.host_vars for node in inventory.nodes)


class VagrantCluster:
    """The nodes of one inventory as Vagrant's machines.

    Nodes are created and started here without provisioning: installing is a playbook's job.
    """

    def __init__(
        self, inventory_path: Path = LOCAL_INVENTORY, cluster_name: str = "kubedrill"
    ) -> None:
        self._errors = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115 - lives as long as this object
        self.environment = vagrant_environment(inventory_path, cluster_name)
        # It warns on stderr where there is no Vagrant, which bare clusters and pods do not need.
        import vagrant  # noqa: PLC0415

        untyped: Any = vagrant.Vagrant
        self._vagrant = untyped(
            str(ROOT), env=self.environment, out_cm=self._collect, err_cm=self._collect
        )

    def up(
        self, on_line: Callable[[str], None], node: str | None = None, provider: str | None = None
    ) -> None:
        """Create and start one node or all, and record how to reach them.

        What runs already stays as it is.

        Raises:
            UsageError: Vagrant is not installed.
            StepFailed: Vagrant refused; carries its last lines.
        """
        seen: list[str] = []
        with self._failures("up", seen):
            for line in self._vagrant.up(
                node, no_provision=True, provider=provider, stream_output=True
            ):
                seen.append(line.rstrip())
                on_line(line.rstrip())

    def halt(self, node: str | None = None, *, force: bool = False) -> None:
        """Shut one node down or all; with ``force`` a virtual machine's power is cut.

        Raises:
            StepFailed: Vagrant refused; carries its last lines.
        """
        with self._failures("halt"):
            self._vagrant.halt(node, force=force)

    def destroy(self, node: str | None = None) -> None:
        """Remove one node or all, disks included; nothing happens where there is none.

        Raises:
            StepFailed: Vagrant refused; carries its last lines.
        """
        with self._failures("destroy"):
            self._vagrant.destroy(node)

    def status(self) -> dict[str, str]:
        """Return each node's state in Vagrant's words: "running", "stopped", "not_created", ….

        Raises:
            StepFailed: Vagrant refused; carries its last lines.
        """
        with self._failures("status"):
            return {entry.name: entry.state for entry in self._vagrant.status() if entry.name}

    @contextmanager
    def _collect(self) -> Iterator[IO[bytes]]:
        yield self._errors

    @contextmanager
    def _failures(self, verb: str, seen: list[str] | None = None) -> Iterator[None]:
        if shutil.which("vagrant") is None:
            raise UsageError(
                "vagrant is not installed; expected Debian's vagrant package. Run: make setup"
            )
        self._errors.seek(0)
        self._errors.truncate()
        self._errors.rollover()  # a program writes into it, so it needs a descriptor
        try:
            yield
        except subprocess.CalledProcessError as error:
            self._errors.seek(0)
            lines = [*(seen or []), *self._errors.read().decode(errors="replace").splitlines()]
            words = "\n".join(lines[-_LAST_LINES:])
            raise StepFailed(f"`vagrant {verb}` ended with {error.returncode}:\n{words}") from error


def vagrant_environment(inventory_path: Path, cluster_name: str) -> dict[str, str]:
    """Return the environment in which Vagrant, run anywhere, sees this inventory.

    Each cluster but a checkout's local one has a folder of its own for Vagrant's state.
    """
    state = state_folder()
    environment = {
        **os.environ,
        "KUBEDRILL_PLAYBOOKS": str(PLAYBOOKS),
        "KUBEDRILL_PYTHON": sys.executable,
        "KUBEDRILL_STATE": str(state),
        "VAGRANT_CWD": str(ROOT),
    }
    if not IN_CHECKOUT or state != ROOT or inventory_path.resolve() != LOCAL_INVENTORY:
        environment["KUBEDRILL_INVENTORY"] = str(inventory_path.resolve())
        environment["VAGRANT_DOTFILE_PATH"] = str(state / ".vagrant" / f"state-{cluster_name}")
    return environment
