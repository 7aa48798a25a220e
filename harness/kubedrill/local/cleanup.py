"""Removes what this project made on this host, and nothing else: `make clean`.

Nodes, networks and images are known by their label or name, files by their place. Reports stay:
they are the user's. Imports the standard library, :mod:`kubedrill.base`,
:mod:`kubedrill.bundle.cache` and :mod:`kubedrill.local.unfreeze` only, so that it works where .venv
is broken or gone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from kubedrill.base import project
from kubedrill.base.answers import answer_of
from kubedrill.bundle.cache import cache_root
from kubedrill.local.unfreeze import unfreeze

ROOT = project.state_folder()
DOCKER = "/usr/bin/docker"
_DOCKER_S = 600.0
"""Seconds for one command of Docker's client; it removes five nodes with their volumes in one."""
LABEL = "org.kubedrill"
IMAGES = "kubedrill/node"
CACHE_ENTRIES = ("parts", "bundles", "node", "docker", "go", "build.lock")
"""What kubedrill keeps in its cache; anything else in there is not ours."""
POOL = Path("/var/lib/libvirt/images")
"""Where :mod:`kubedrill.local.box` puts kernels and disks, all with the prefix ``kubedrill-``; a
box's volume has it too."""
_CHECKOUT_FILES = (
    ".venv",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".import_linter_cache",
    "build",
    "harness/kubedrill.egg-info",
)
FILES = (".vagrant", *(_CHECKOUT_FILES if project.IN_CHECKOUT else ()))
"""What is removed below :data:`ROOT`; outside a checkout only the nodes' state is kubedrill's."""


def docker_lines(*arguments: str) -> list[str]:
    """Run a docker command; its output lines, or none where there is no docker or no daemon."""
    return (answer_of(DOCKER, *arguments, seconds=_DOCKER_S) or "").split()


def remove_virtual_machines(state: Path) -> list[str]:
    """Let Vagrant destroy what it made with a hypervisor; containers are found by their label."""
    machines = [path for path in state.glob("machines/*/*/id") if path.parent.name != "docker"]
    if not machines:
        return []
    environment = {
        **os.environ,
        "KUBEDRILL_PLAYBOOKS": str(project.PLAYBOOKS),
        "VAGRANT_CWD": str(project.ROOT),
        "VAGRANT_DOTFILE_PATH": str(state),
    }
    subprocess.run(["vagrant", "destroy", "--force"], env=environment, check=True)
    return [f"virtual machine {path.parent.parent.name}" for path in machines]


def remove_boxes(pool: Path) -> list[str]:
    """Remove the boxes that Vagrant took in, and kubedrill's disks in libvirt's pool."""
    home = Path(os.environ.get("VAGRANT_HOME") or Path.home() / ".vagrant.d")
    boxes = sorted((home / "boxes").glob("kubedrill-box-*"))
    for box in boxes:
        shutil.rmtree(box)
    disks = sorted(pool.glob("kubedrill-*"))
    for disk in disks:
        disk.unlink()
    return [f"{len(boxes)} Vagrant box(es)"] * bool(boxes) + [
        f"{len(disks)} file(s) in {pool}"
    ] * bool(disks)


def remove_nodes() -> list[str]:
    """Remove node containers with their volumes, then networks, whichever checkout made them."""
    removed = []
    for kind, listing, removal in (
        ("container", ("ps", "--all", "--quiet"), ("rm", "--force", "--volumes")),
        ("network", ("network", "ls", "--quiet"), ("network", "rm")),
    ):
        identifiers = docker_lines(*listing, "--filter", f"label={LABEL}")
        if identifiers:
            for name in identifiers if kind == "container" else ():
                unfreeze(name)
            docker_lines(*removal, *identifiers)
            removed.append(f"{len(identifiers)} {kind}{'s' if len(identifiers) > 1 else ''}")
    return removed


def remove_images() -> list[str]:
    """Remove the node images."""
    images = sorted(set(docker_lines("images", "--quiet", IMAGES)))
    if not images:
        return []
    docker_lines("rmi", "--force", *images)
    return [f"{len(images)} image(s)"]


def stop_daemon(pid_file: Path) -> list[str]:
    """Stop the Docker daemon if this project started it and nobody else's container runs in it."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        program = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (OSError, ValueError):
        return []
    if "dockerd" not in program:
        return []
    if others := docker_lines("ps", "--quiet"):
        return [f"(kept the Docker daemon: {len(others)} container(s) of others run in it)"]
    if os.geteuid() == 0:
        os.kill(pid, signal.SIGTERM)
    else:
        subprocess.run(["sudo", "-n", "kill", str(pid)], check=True)
    return ["the Docker daemon that was started for it"]


def remove_files(folder: Path, names: tuple[str, ...]) -> list[str]:
    """Remove named entries of a folder, and the folder itself if nothing is left in it."""
    removed = []
    for path in (folder / name for name in names):
        if path.is_dir() and not path.is_symlink():
            for inner, _, _ in os.walk(path):  # Go's module cache is read-only
                Path(inner).chmod(0o700)
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
        else:
            continue
        removed.append(str(path))
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    return removed


def main() -> int:
    """Remove everything and say what it was; an argument that is not known removes nothing."""
    argparse.ArgumentParser(
        description="Remove all that kubedrill made on this host, reports excepted."
    ).parse_args()
    states = [ROOT / ".vagrant", *sorted((ROOT / ".vagrant").glob("state-*"))]
    removed = [line for state in states for line in remove_virtual_machines(state)]
    removed += remove_boxes(POOL)
    removed += remove_nodes()
    removed += remove_images()
    removed += stop_daemon(cache_root() / "docker" / "dockerd.pid")
    removed += remove_files(cache_root(), CACHE_ENTRIES)
    removed += remove_files(ROOT, FILES)
    sys.stdout.write("".join(f"removed {line}\n" for line in removed) or "nothing to remove\n")
    if (ROOT / "reports").exists():
        sys.stdout.write("reports/ stays: these are your results\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
