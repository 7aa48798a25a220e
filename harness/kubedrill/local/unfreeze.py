"""Unfreezes processes that were left frozen in a node container, so that it can be killed.

Under cgroup v1 runc freezes a pod's cgroup while it sets the rules for its devices. A runc that is
killed meanwhile, as on a slow machine or when its runtime restarts, leaves the processes frozen,
and those take no SIGKILL: Docker says "tried to kill container, but did not receive an exit event",
and the node cannot be switched off. Under cgroup v2 a frozen process dies.

Imports the standard library and :mod:`kubedrill.base.answers` only, so that `make clean` works
where .venv is broken or gone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kubedrill.base.answers import answer_of

FREEZER = Path("/sys/fs/cgroup/freezer")
DOCKER = "/usr/bin/docker"


def unfreeze(container: str, freezer: Path = FREEZER) -> int:
    """Thaw every frozen cgroup below a container's own, which may be paused and stays so.

    Returns how many there were.

    Does nothing where there is no such container or no cgroup v1. Nothing outside the container is
    touched.
    """
    inspect = ("container", "inspect", "--format", "{{.Id}}")
    identity = (answer_of(DOCKER, *inspect, container) or "").strip()
    # docker/<id>, or system.slice/docker-<id>.scope where systemd keeps Docker's cgroups
    places = freezer.glob(f"*/*{identity}*") if identity else ()
    return sum(
        _unfreeze_cgroup(state)
        for place in places
        for state in place.glob("*/**/freezer.self_freezing")
    )


def _unfreeze_cgroup(asks: Path) -> bool:
    try:
        if asks.read_text(encoding="ascii").strip() != "1":
            return False
        state = asks.with_name("freezer.state")
        try:
            state.write_text("THAWED", encoding="ascii")
        except PermissionError:
            return answer_of("sudo", "-n", "tee", str(state), stdin="THAWED") is not None
    except OSError:
        return False  # it is gone meanwhile, or somebody else's
    return True


if __name__ == "__main__":
    for name in sys.argv[1:]:
        unfreeze(name)
