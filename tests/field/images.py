"""Container images of other people's machines: a Debian release with little in it."""

from __future__ import annotations

import shlex
from pathlib import Path

from kubedrill.bundle.cache import content_key, tree_digest
from kubedrill.bundle.debian import bootstrap
from kubedrill.bundle.errors import BuildFailed
from kubedrill.bundle.processes import Processes
from kubedrill.local.node_image import (
    DOCKER,
    FILES,
    LABEL,
    REPOSITORY,
    building,
    node_dir,
    stopping_with_us,
)

CUSTOMIZE = Path(__file__).with_name("customize")
PACKAGES = (
    *("ca-certificates", "dbus", "iproute2", "iputils-ping", "kmod", "less", "openssh-server"),
    *("procps", "python3", "sudo", "systemd", "systemd-sysv", "tzdata", "udev"),
)
"""What Debian's cloud image has of the things that matter here: no conntrack, no socat, no nft, and
empty package lists, which mmdebstrap leaves."""


def ensure_image(suite: str, packages: tuple[str, ...]) -> str:
    """Return the reference of a release's image; built and imported on first use.

    Raises:
        BuildFailed: mmdebstrap or docker refused; carries its last words.
    """
    names = sorted({*PACKAGES, *packages})
    key = content_key([suite, names, CUSTOMIZE.read_text(), tree_digest(FILES)])[:16]
    reference = f"{REPOSITORY}:field-{suite}-{key}"
    processes = Processes()
    try:
        processes.run("looking for the image", [DOCKER, "image", "inspect", reference])
    except BuildFailed:
        with building(), stopping_with_us(processes):
            _build(processes, reference, suite, names)
    return reference


def _build(processes: Processes, reference: str, suite: str, names: list[str]) -> None:
    tar = node_dir() / f".partial-{reference.replace('/', '-').replace(':', '-')}.tar"
    hook = shlex.join([str(CUSTOMIZE), "$1", str(FILES)]).replace("'$1'", '"$1"')
    options = [
        "--skip=output/dev",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        f"--customize-hook={hook}",
    ]
    try:
        bootstrap(processes, tar, names, variant="minbase", options=options, suite=suite)
        change = ("--change", f"LABEL {LABEL}=node")
        processes.run("importing the image", [DOCKER, "import", *change, tar, reference])
    finally:
        tar.unlink(missing_ok=True)
