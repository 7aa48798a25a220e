"""The local port of each new connection: not used again before the nodes have forgotten it.

Linux comes back to a port within seconds: it shuffles its order of ports towards a destination
every 10 s (EPHEMERAL_PORT_SHUFFLE_PERIOD in net/core/secure_seq.c). But a node that has translated
a connection to a pod which was dead remembers that for 120 s (nf_conntrack_tcp_timeout_syn_sent)
and sends there whatever else comes from that port, also when the Service has long had other
endpoints. A probe that asks over new connections stands for clients that come for the first time,
so no sample may inherit the fate of an earlier one.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
DEFAULT_RANGE = (32768, 60999)  # Linux's own
STANDARD_HZ = 40
"""Connections a second that the standard probes open at most: a later sampler begins where an
earlier one ended."""
TRIES = 200


class Ports:
    """Hands out the ports of a range in their order, from ``begin`` on.

    Counted from the first port of the range.
    """

    def __init__(self, low: int, high: int, begin: int) -> None:
        self._low, self._count, self._next = low, high - low + 1, begin

    @classmethod
    def of_host(cls) -> Ports:
        """Take the range that the host keeps for outgoing connections, and begin by the clock."""
        low, high = DEFAULT_RANGE
        with suppress(OSError, ValueError):
            low, high = map(int, RANGE.read_text(encoding="ascii").split())
        return cls(low, high, int(time.time() * STANDARD_HZ))

    def bind(self, sock: socket.socket) -> None:
        """Bind to the next free port.

        Where so many in a row are taken, the kernel is left to choose.
        """
        for _ in range(min(TRIES, self._count)):
            port = self._low + self._next % self._count
            self._next += 1
            with suppress(OSError):
                sock.bind(("", port))
                return
