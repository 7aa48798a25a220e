"""The node image: Debian 13 with what a Kubernetes node needs, from the host's apt mirror.

The same root filesystem becomes a container image here and a virtual machine's disk in
:mod:`kubedrill.local.box`. It is keyed by what it is made from, so a second call is only a look-up.
"""

from __future__ import annotations

import fcntl
import shlex
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.bundle.cache import cache_root, content_key, remove_tree, tree_digest
from kubedrill.bundle.debian import bootstrap
from kubedrill.bundle.errors import BuildFailed
from kubedrill.bundle.processes import Processes
from kubedrill.bundle.releases import DEBIAN_SUITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

DOCKER = "/usr/bin/docker"
"""Debian's client; another `docker` may stand before it on PATH."""
REPOSITORY = "kubedrill/node"
LABEL = "org.kubedrill"
"""Every container, network and image that this project makes carries it, so that cleaning up
touches nothing else."""
_PARTIAL = ".partial-"
FILES = Path(__file__).parent / "node_files"
PACKAGES = (
    *(
        "ca-certificates",
        "chrony",
        "conntrack",
        "curl",
        "dbus",
        "e2fsprogs",
        "ebtables",
        "ethtool",
        "haproxy",
    ),
    *(
        "iproute2",
        "ipset",
        "iptables",
        "iputils-ping",
        "jq",
        "keepalived",
        "kmod",
        "less",
        "libseccomp2",
        "mount",
    ),
    *(
        "netcat-openbsd",
        "nftables",
        "openssh-server",
        "openssl",
        "procps",
        "psmisc",
        "python3",
        "python3-apt",
    ),
    *(
        "python3-yaml",
        "rsync",
        "socat",
        "sudo",
        "systemd",
        "systemd-sysv",
        "tar",
        "udev",
        "util-linux",
        "xz-utils",
    ),
)


def node_dir() -> Path:
    """Return the folder of the user's cache that holds node roots and boxes."""
    return cache_root() / "node"


def root_key(extra_packages: Sequence[str] = ()) -> str:
    """Return the key of a node root: the suite, the packages and the files that it is made from."""
    return content_key([DEBIAN_SUITE, *PACKAGES, *extra_packages, tree_digest(FILES)])[:16]


@contextmanager
def building() -> Iterator[None]:
    """Hold the node image's lock, so that two commands at once build it once."""
    node_dir().mkdir(parents=True, exist_ok=True)
    with (node_dir() / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in [*node_dir().glob(f"{_PARTIAL}*"), *node_dir().glob(f".{_PARTIAL}*")]:
            remove_tree(leftover) if leftover.is_dir() else leftover.unlink()
        yield


@contextmanager
def stopping_with_us(processes: Processes) -> Iterator[None]:
    """End the running program when this one is asked to stop; its run then raises ``Stopped``."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Not here: the signal may have come while this very thread holds the lock that stop()
        # takes.
        threading.Thread(target=processes.stop).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def root_tar(extra_packages: Sequence[str] = ()) -> Path:
    """Return a node's root filesystem as a tar archive in the cache.

    Made on first use (half a minute).

    Raises:
        BuildFailed: mmdebstrap refused; carries its last words.
        Unsupported: the host's apt names no Debian mirror.
        Stopped: Ctrl-C or SIGTERM; nothing half-made is left.
    """
    tar = node_dir() / f"root-{root_key(extra_packages)}.tar"
    with building():
        if not tar.exists():
            print(  # noqa: T201
                "making the node's root filesystem (Debian 13, half a minute)",
                file=sys.stderr,
                flush=True,
            )
            _build_root(tar, extra_packages)
    return tar


def _build_root(tar: Path, extra_packages: Sequence[str]) -> None:
    partial = tar.with_name(f"{_PARTIAL}{tar.name}")
    options = [
        "--skip=output/dev",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        f'--customize-hook={shlex.quote(str(FILES / "customize"))} "$1"',
    ]
    packages = [*PACKAGES, *extra_packages]
    processes = Processes()
    try:
        with stopping_with_us(processes):
            bootstrap(processes, partial, packages, variant="minbase", options=options)
        partial.replace(tar)
    finally:
        partial.unlink(missing_ok=True)


def ensure_image() -> str:
    """Return the reference of the node's container image; built and imported on first use.

    Raises:
        BuildFailed: mmdebstrap or docker refused; carries its last words.
    """
    reference = f"{REPOSITORY}:{root_key()}"
    processes = Processes()
    try:
        processes.run("looking for the node image", [DOCKER, "image", "inspect", reference])
    except BuildFailed:
        tar = root_tar()
        change = ("--change", f"LABEL {LABEL}=node")
        processes.run("importing the node image", [DOCKER, "import", *change, tar, reference])
        tar.unlink()  # Docker has it now
    return reference
