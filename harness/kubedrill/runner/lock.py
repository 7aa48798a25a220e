"""One run at a time on one cluster."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubedrill.base.errors import Unsafe
from kubedrill.cluster.watchdog import runtime_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.cluster.inventory import Inventory


@contextmanager
def run_lock(inventory: Inventory) -> Iterator[None]:
    """Hold the cluster's lock on this host.

    Raises:
        Unsafe: another run holds it; names its process.
    """
    with exclusive(f"run-{inventory.name}", f"another run drills the cluster {inventory.name}"):
        yield


@contextmanager
def exclusive(name: str, busy: str) -> Iterator[None]:
    """Hold a lock of this user on this host.

    The kernel frees it when the process ends, however it ends.

    Raises:
        Unsafe: another process holds it; says what is ``busy``, and which process that is.
    """
    descriptor = os.open(
        runtime_dir() / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 80, 0).decode().strip() or "unknown"
            raise Unsafe(
                f"{busy} (process {holder}); two at a time would break each other's verdict. "
                "Wait for it, or end it with Ctrl-C there."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(
            descriptor,
            f"{os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode(),
            0,
        )
        yield
    finally:
        os.close(descriptor)
