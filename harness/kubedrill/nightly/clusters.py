"""Takes a cell's cluster away, however much of it there is.

Also after a kill in the middle of making it.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from kubedrill.base.project import state_folder
from kubedrill.local.docker_daemon import daemon_problem
from kubedrill.local.node_image import DOCKER
from kubedrill.local.unfreeze import unfreeze
from kubedrill.nightly.inventory import secrets_folder
from kubedrill.nightly.parts import run_part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kubedrill.nightly.parts import Ended

_DOCKER_S = 120
"""Seconds for one command of docker: removing a node with its volumes takes some."""


def take_away(  # noqa: PLR0913 - each is named by the caller
    inventory: Path, cluster: str, log: Path, *, program: Sequence[str], mark: str, limit_s: float
) -> tuple[Ended | None, str]:
    """Run ``kubedrill down``, then remove what it did not know of.

    Returns how that ended, and what is left ("": none).

    Vagrant forgets a container whose making was killed before its id was written down: Docker is
    asked by name.
    """
    ended = None
    if (inventory / "hosts.yml").exists():
        argv = [*program, "down", "--inventory", str(inventory)]
        ended = run_part(argv, log, mark=mark, limit_s=limit_s, heal_s=1)
    left = _remove_from_docker(cluster)
    if not left and (ended is None or ended.result == "ok"):
        for folder in (secrets_folder(cluster), state_folder() / ".vagrant" / f"state-{cluster}"):
            shutil.rmtree(folder, ignore_errors=True)
        return ended, ""
    return (
        ended,
        left
        or (
            f"kubedrill down ended with {ended.result if ended else '?'}: "
            f"{ended.words if ended else ''}"
        ),
    )


def _remove_from_docker(cluster: str) -> str:
    """Remove the cluster's containers with their volumes, and its network; returns what is left."""
    if daemon_problem():
        return ""  # no daemon, no container: a hypervisor's nodes are Vagrant's to remove
    containers = _docker(
        "ps", "--all", "--format", "{{.Names}}", "--filter", f"name=^/{cluster}-"
    ).split()
    if containers:
        for name in containers:
            unfreeze(name)
        _docker("rm", "--force", "--volumes", *containers)
    _docker("network", "rm", cluster)
    left = _docker(
        "ps", "--all", "--format", "{{.Names}}", "--filter", f"name=^/{cluster}-"
    ).split()
    networks = _docker(
        "network", "ls", "--format", "{{.Name}}", "--filter", f"name=^{cluster}$"
    ).split()
    return ", ".join(
        [f"container {name}" for name in left] + [f"network {name}" for name in networks]
    )


def _docker(*arguments: str) -> str:
    try:
        done = subprocess.run(
            [DOCKER, *arguments], capture_output=True, text=True, check=False, timeout=_DOCKER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
