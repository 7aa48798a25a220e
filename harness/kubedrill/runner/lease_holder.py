"""Who holds the cluster's Lease: a process, known by its number, its start and its boot."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_STARTED = "kubedrill.io/process-started"
_PROCESS = "kubedrill.io/process"
_PLACE = "kubedrill.io/place"

LEASE_S = 60
"""Seconds after its last renewal that a Lease counts as held: three renewals that each wait for
their deadline (timeouts.api_call, 10 s) in vain."""


def holder(lease: Any) -> str:
    """Who holds a Lease; "" for nobody."""
    return str(lease.spec.holder_identity or "")


def is_mine(lease: Any) -> bool:
    """Whether this very process wrote it."""
    return dict(lease.metadata.annotations or {}) == describe_process()


def is_free(lease: Any) -> bool:
    """Whether nobody else has it: it is nobody's, this process's, or of one that died here."""
    return not holder(lease) or is_mine(lease) or holder_is_gone(lease)


def is_held(lease: Any) -> bool:
    """Whether somebody else holds it, by this host's clock, who has not died on this host."""
    spec = lease.spec
    if is_free(lease) or spec.renew_time is None:
        return False
    return bool(
        datetime.now(UTC)
        < spec.renew_time + timedelta(seconds=spec.lease_duration_seconds or LEASE_S)
    )


def holder_is_gone(lease: Any) -> bool:
    """Whether its holder was a process of this host, since its last boot, that is gone."""
    notes = lease.metadata.annotations or {}
    if notes.get(_PLACE) != process_place():
        return False
    return bool(process_started(notes.get(_PROCESS, "")) != notes.get(_STARTED, "nothing"))


def describe_process() -> dict[str, str]:
    """The annotations by which a Lease of this process is recognized."""
    process = str(os.getpid())
    return {_PLACE: process_place(), _PROCESS: process, _STARTED: process_started(process)}


def process_started(process: str) -> str:
    """When a process of this host started, in clock ticks since boot (proc(5), field 22).

    "" when there is none.

    Not the time of day, which is computed from a clock that may be set meanwhile.
    """
    try:
        stat = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def process_place() -> str:
    """This boot of this host, and the space that its process numbers are of.

    A container has its own.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def process_identity() -> str:
    """Who this is, for people: user, host and process."""
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()})"
