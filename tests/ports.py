"""Ports for the servers of tests."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from itertools import count

# Below the kernel's range for outgoing connections, a part for each worker of xdist: what other
# tests connect or start meanwhile takes none of them.
_PORTS = count(10_000 + 4_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on, none of them twice."""
    ports: list[int] = []
    while len(ports) < number:
        port = next(_PORTS)
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            ports.append(port)
    return ports


def free_port() -> int:
    """One such port."""
    return free_ports(1)[0]
