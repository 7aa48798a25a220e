"""Real servers on loopback that behave well or badly."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import dns.message
import dns.rcode
import dns.rrset

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

GREETING = {"greeting": "hello", "version": "v1", "pod": "hello-1", "node": "w1"}


def http(body: str, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n{body}".encode()


class Server:
    """Counts connections and requests; ``mode`` says how it answers."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.connections = 0
        self.requests: list[bytes] = []
        self.answered: list[int] = []  # times, on the clock of all records
        self.port = 0
        self.clients: set[asyncio.Task[None]] = set()

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.mode == "banner":
                writer.write(b"220 not TLS\r\n")
                return
            while await self.one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(x.split(b":")[1])
                for x in head.split(b"\r\n")
                if x.lower().startswith(b"content-len")
            ),
            0,
        )
        body = await reader.readexactly(length)
        self.requests.append(head)
        if self.mode == "hang":
            await asyncio.sleep(30)
        if self.mode == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        writer.write(self.answer(head, body))
        await writer.drain()
        self.answered.append(time.monotonic_ns())
        return self.mode not in ("close", "cut", "until-eof") and b"Connection: close" not in head

    def answer(self, head: bytes, body: bytes) -> bytes:
        good = json.dumps(GREETING)
        if head.startswith(b"PATCH"):
            good = json.dumps({"metadata": {"name": "probe"}, **json.loads(body)})
        return {
            "ok": http(good),
            "503": http("draining", "503 Service Unavailable"),
            "wrong": http(json.dumps({"greeting": ""})),
            "html": http("<html>welcome</html>"),
            "not-http": b"SSH-2.0-OpenSSH\r\n\r\n",
            "close": http(good, extra="Connection: close\r\n"),
            "cut": http(good)[:-5],
            "until-eof": f"HTTP/1.1 200 OK\r\n\r\n{good}".encode(),
            "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"%x\r\n%c\r\n" % (1, c) for c in good.encode())
            + b"0\r\n\r\n",
            "object": http(json.dumps({"metadata": {"name": "probe"}})),
            "lost-write": http(json.dumps({"metadata": {"name": "probe"}, "data": {"seq": "-1"}})),
        }[self.mode]


@asynccontextmanager
async def serving(mode: str = "ok", tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    server.mode = mode

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.clients.add(asyncio.ensure_future(server.client(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in server.clients:
            task.cancel()
        await asyncio.gather(*server.clients, return_exceptions=True)


class _Dns(asyncio.DatagramProtocol):
    def __init__(self, mode: str) -> None:
        self.mode = mode

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        if self.mode == "servfail":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif self.mode == "nxdomain":
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif self.mode != "empty":
            answer.answer.append(
                dns.rrset.from_text(query.question[0].name, 5, "IN", "A", "127.0.0.1")
            )
        if self.mode == "hang":
            return
        wire = answer.to_wire()
        self.transport.sendto(b"junk" if self.mode == "junk" else wire, address)  # type: ignore[attr-defined]


@asynccontextmanager
async def resolving(mode: str = "ok") -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Dns(mode), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
