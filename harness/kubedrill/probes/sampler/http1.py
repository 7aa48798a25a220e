"""A small HTTP/1.1 client that does exactly what a probe needs and nothing behind its back.

No retry (aiohttp retries an idempotent request once when a kept-alive connection turns out closed:
such a failure would never be seen), no pool beyond one idle connection, no redirects, no name
lookup.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ports import Ports

if TYPE_CHECKING:
    import ssl

MAX_HEAD_BYTES = 64 << 10
MAX_BODY_BYTES = 4 << 20

_PORTS = Ports.of_host()


class BadAnswerError(Exception):
    """An answer came, but it is not HTTP, is too large or is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete response."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._buffer = bytearray()

    @classmethod
    async def open(
        cls, host: str, port: int, tls: ssl.SSLContext | None, timeout_s: float, name: str = ""
    ) -> Connection:
        """Connect to an IP address; ``name`` is what its certificate is for.

        Raises OSError or ssl.SSLError.
        """
        loop = asyncio.get_running_loop()
        limit = timeout_s if tls else None
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        connection = cls()
        try:
            sock.setblocking(False)
            _PORTS.bind(sock)
            await loop.sock_connect(sock, (host, port))
        except BaseException:
            sock.close()
            raise
        try:
            await loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=tls,
                server_hostname=(name or host) if tls else None,
                ssl_handshake_timeout=limit,
                ssl_shutdown_timeout=limit,
            )
        except BaseException:
            # The socket is asyncio's now: closing it here would free a descriptor which its
            # transport still watches, and fail whoever is given that descriptor next.
            connection.abort()
            raise
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be called by asyncio."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - typing aid
        self._transport = transport
        self.usable = True

    async def request(self, data: bytes) -> Answer:
        """Send one request and wait for its complete answer.

        Raises:
            ConnectionResetError: the server closed or reset the connection before the answer was
                complete.
            BadAnswerError: what came is not HTTP.
        """
        assert self._transport is not None  # noqa: S101 - typing aid
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            return await self._waiter
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiter = None

    def data_received(self, data: bytes) -> None:
        """Be called by asyncio."""
        if self._waiter is None or self._waiter.done():
            # words that nobody asked for, such as a proxy's 408: the next request takes a new
            # connection
            self.abort()
            return
        self._buffer += data
        self._parse(ended=False)

    def connection_lost(self, error: Exception | None) -> None:
        """Be called by asyncio."""
        self.usable = False
        if self._waiter is None or self._waiter.done():
            return
        if error is None:
            self._parse(ended=True)
        if not self._waiter.done():
            self._waiter.set_exception(
                error
                if isinstance(error, OSError)
                else ConnectionResetError("closed before the answer was complete")
            )

    def close(self) -> None:
        """Close in peace."""
        self.usable = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once: what is on its way is dropped."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _parse(self, *, ended: bool) -> None:
        assert self._waiter is not None  # noqa: S101 - typing aid
        try:
            parsed = parse(self._buffer, ended=ended)
        except BadAnswerError as error:
            self._waiter.set_exception(error)
            return
        if parsed is None:
            return
        answer, used = parsed
        keep = answer.headers.get("connection", "").lower() != "close" and used == len(self._buffer)
        self.usable = self.usable and keep and not ended
        self._buffer.clear()
        self._waiter.set_result(answer)


def parse(data: bytes | bytearray, *, ended: bool) -> tuple[Answer, int] | None:
    r"""Parse one response and say how many bytes it took; None while it is incomplete.

    >>> parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", ended=False)
    (Answer(status=200, headers={'content-length': '2'}, body=b'hi'), 40)
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MAX_HEAD_BYTES or (data and not b"HTTP/1.".startswith(bytes(data[:7]))):
            raise BadAnswerError("not HTTP/1")
        return None
    lines = bytes(data[:end]).decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdecimal():
        raise BadAnswerError(f"not a status line: {lines[0][:60]}")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:])
    }
    result = _body(data, end + 4, int(parts[1]), headers, ended=ended)
    if result is None:
        return None
    body, used = result
    if parts[0] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return Answer(int(parts[1]), headers, body), used


def _body(
    data: bytes | bytearray, start: int, status: int, headers: dict[str, str], *, ended: bool
) -> tuple[bytes, int] | None:
    if status in (204, 304):
        return b"", start
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunks(data, start)
    length = headers.get("content-length")
    if length is None:
        return (bytes(data[start:]), len(data)) if ended else None
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        raise BadAnswerError(f"Content-Length {length[:20]!r}")
    stop = start + int(length)
    return (bytes(data[start:stop]), stop) if len(data) >= stop else None


def _chunks(data: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    body = bytearray()
    while True:
        end = data.find(b"\r\n", start)
        if end < 0:
            return None
        try:
            size = int(bytes(data[start:end]).split(b";")[0], 16)
        except ValueError:
            raise BadAnswerError("a chunk without its size") from None
        if len(body) + size > MAX_BODY_BYTES:
            raise BadAnswerError("a body without end")
        start = end + 2
        if size == 0:
            stop = data.find(b"\r\n", start)
            return (bytes(body), stop + 2) if stop >= 0 else None
        if len(data) < start + size + 2:
            return None
        body += data[start : start + size]
        start += size + 2
