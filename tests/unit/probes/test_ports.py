"""The local ports of new connections."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.probes.sampler import http1
from kubedrill.probes.sampler.ports import Ports

sys.path.insert(0, str(Path(__file__).parent))
from probed_servers import serving

if TYPE_CHECKING:
    import pytest


def bound(ports: Ports) -> int:
    with socket.socket() as sock:
        ports.bind(sock)
        return int(sock.getsockname()[1])


def test_every_port_of_the_range_is_taken_once_before_any_is_taken_again() -> None:
    ports = Ports(21000, 21009, begin=7)
    assert [bound(ports) for _ in range(12)] == [*range(21007, 21010), *range(21000, 21009)]


def test_a_port_that_somebody_holds_is_left_out() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 21021))
        assert bound(Ports(21020, 21029, begin=1)) == 21022


def test_where_all_are_held_the_kernel_chooses() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 21031))
        ports = Ports(21031, 21031, begin=0)
        with socket.socket() as sock:
            ports.bind(sock)
            sock.connect_ex(("127.0.0.1", 21031))
            assert sock.getsockname()[1] not in (0, 21031)


def test_connections_come_from_the_next_port_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "_PORTS", Ports(22000, 22999, begin=0))

    async def main() -> list[int]:
        async with serving("ok") as server:
            result = []
            for _ in range(50):
                connection = await http1.Connection.open("127.0.0.1", server.port, None, 5)
                assert connection._transport is not None
                result.append(connection._transport.get_extra_info("sockname")[1])
                connection.close()
            return result

    result = asyncio.run(main())
    assert result == sorted(set(result))
    assert 22000 <= result[0] < result[-1] < 22150  # some may be held by others
