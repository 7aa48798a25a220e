"""``python -m control`` (from this folder).

The control probe's target, on loopback, until stdin closes.

Prints its port. Serves a fixed text to every request: when this fails, the harness host itself is
in trouble.
"""

from __future__ import annotations

import asyncio
import sys

BODY = "kubedrill control\n"
_ANSWER = (
    f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "
    f"{len(BODY)}\r\n\r\n{BODY}"
).encode()


class _Client(asyncio.Protocol):
    def __init__(self) -> None:
        self._seen = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - typing aid
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen = (self._seen + data)[-4096:]
        if b"\r\n\r\n" in self._seen and self._transport is not None:
            self._transport.write(_ANSWER)
            self._transport.close()


async def serve() -> None:
    """Serve until the parent is gone."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Client, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
