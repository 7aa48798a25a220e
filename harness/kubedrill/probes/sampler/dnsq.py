"""One DNS question over UDP, from a fresh port, without any cache or retry."""

from __future__ import annotations

import asyncio
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

PORT = 53


class DnsFailedError(Exception):
    """The server answered something else than an address.

    ``outcome`` is its class, such as ``dns-servfail``.
    """

    def __init__(self, outcome: str) -> None:
        self.outcome = outcome
        super().__init__(outcome)


class _Question(asyncio.DatagramProtocol):
    """A connected socket, so that a closed port is felt as "refused" at once."""

    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, _address: Any) -> None:
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)


async def ask(name: str, server: str, port: int = PORT) -> list[str]:
    """Return the IPv4 addresses of ``name``; raises DnsFailedError or OSError.

    The caller sets the deadline.
    """
    query = dns.message.make_query(name, dns.rdatatype.A)
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Question(waiter), remote_addr=(server, port)
    )
    try:
        transport.sendto(query.to_wire())
        wire = await waiter
    finally:
        transport.close()
    try:
        answer = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        raise DnsFailedError("wrong-answer") from None
    if not query.is_response(answer):
        raise DnsFailedError("wrong-answer")
    if answer.rcode() != dns.rcode.NOERROR:
        raise DnsFailedError(f"dns-{dns.rcode.to_text(answer.rcode()).lower()}")
    return [
        item.to_text()
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.A
        for item in rrset
    ]
