"""Which process this is, and which others live on this host: by number, start and boot."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

PROC = Path("/proc")
STARTED = "kubedrill.io/process-started"
PROCESS = "kubedrill.io/process"
PLACE = "kubedrill.io/place"
_ENDED = ("Z", "X")


def describe_process(process: int | None = None) -> dict[str, str]:
    """The annotations by which a claim of a process is recognized; this process by default."""
    number = str(process or os.getpid())
    return {PLACE: process_place(), PROCESS: number, STARTED: process_started(number)}


def process_started(process: str) -> str:
    """When a process of this host started, in clock ticks since boot (proc(5), field 22).

    "" when there is none, or it has ended and waits for a parent that does not look, as in a
    container without an init.

    Not the time of day, which is computed from a clock that may be set meanwhile.
    """
    status = _status(process)
    return "" if status[0] in _ENDED else status[19]


def process_place() -> str:
    """This boot of this host, and the space that its process numbers are of.

    A container has its own.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def process_identity(process: int | None = None, what: str = "") -> str:
    """Who this is, for people: user, host, process and what it runs."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        user = f"uid {os.getuid()}"
    details = f"process {process or os.getpid()}{what and ', '}{what}"
    return f"{user}@{socket.gethostname()} ({details})"


def hides_others() -> bool:
    """Whether /proc shows this user its own processes only (its mount option hidepid)."""
    return _status("1")[19] == ""


def same_user(one: str, other: str) -> bool:
    """Whether two of :func:`process_identity` are of one user.

    >>> same_user("ann@near (process 5)", "ann@near (process 7, site.yml)")
    True
    """
    return one.partition("@")[0] == other.partition("@")[0]


def lineage(process: int) -> list[str]:
    """A process and its ancestors, each as its number and its start."""
    numbers = []
    while process > 0:
        numbers.append(str(process))
        process = int(_status(str(process))[1] or 0)
    return [f"{number} {process_started(number)}" for number in numbers]


def living_processes() -> list[str]:
    """The processes of this host that run Python, or cannot be read, as in :func:`lineage`."""
    numbers = [path.name for path in PROC.iterdir() if path.name.isdigit() and _may_run(path)]
    return [f"{number} {process_started(number)}" for number in numbers]


def _may_run(process: Path) -> bool:
    try:
        return "python" in (process / "exe").readlink().name
    except PermissionError:
        return True
    except OSError:
        return False  # it has ended, or is the kernel's


def _status(process: str) -> list[str]:
    """Fields of a process's status from the third one on; empty ones where there is none."""
    try:
        text = (PROC / process / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return [""] * 20
    return text.rpartition(")")[2].split()
