"""Writes large files so that the etcd on the same disk hardly waits for them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

# Slow enough that etcd's writes on the same disk stay far below its election timeout (1 s),
# measured on 2 cores. Archives hold packed layers: what is written when they are unpacked is three
# to four times as much.
GENTLE_BYTES_A_SECOND = 10 << 20
SYNC_BYTES = 8 << 20
INGESTS = Path("/var/lib/containerd/io.containerd.content.v1.content/ingest")


def bit_by_bit(stream: IO[bytes]) -> Callable[[bytes], None]:
    """Write to the disk as it comes.

    What stands in memory only is written by the kernel half a minute later, all at once, and etcd's
    own small writes on the same disk would wait behind it.
    """
    unsynced = 0

    def write(chunk: bytes) -> None:
        nonlocal unsynced
        stream.write(chunk)
        unsynced += len(chunk)
        if unsynced >= SYNC_BYTES:
            unsynced = 0
            stream.flush()
            os.fdatasync(stream.fileno())

    return write


def paced(sink: Callable[[bytes], Any]) -> Callable[[bytes], None]:
    """Slow a sink down to GENTLE_BYTES_A_SECOND and keep containerd's unwritten bytes few.

    containerd syncs a whole image at its end, and etcd's own small writes would wait behind it.
    """
    begun, sent, unsynced = time.monotonic(), 0, 0

    def send(chunk: bytes) -> None:
        nonlocal sent, unsynced
        sink(chunk)
        sent += len(chunk)
        unsynced += len(chunk)
        if unsynced >= SYNC_BYTES:
            unsynced = 0
            for ingest in INGESTS.glob("*/data"):
                _sync(ingest)
        time.sleep(max(0.0, sent / GENTLE_BYTES_A_SECOND - (time.monotonic() - begun)))

    return send


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # containerd was done with it
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
