"""What each kind of probe asks, and what it takes for a right answer.

No answer is a success unchecked.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .dnsq import PORT, DnsFailedError, ask
from .http1 import Answer, BadAnswerError, Connection

Found = tuple[str, str]  # outcome, server


@dataclass(frozen=True)
class Spec:
    """One probe, as the session writes it into the sampler's configuration.

    ``kind``: "http", "tcp", "dns", "api-read", "api-write". ``target``: a URL; ``host:port`` (tcp);
    a name (dns). ``expect``: the exact body (http) or the address (dns); without it a JSON object
    with a greeting is expected (http). ``resolver``: ``address`` or ``address:port`` of the DNS
    server (dns, and http whose target is a name). ``tls``: files ``ca``, ``cert``, ``key``;
    ``verify`` "no" takes any certificate. ``host``: Host header and TLS name, where they are not
    the target's.
    """

    name: str
    kind: str
    target: str
    reuse: bool
    interval_s: float = 0.1
    timeout_s: float = 1.0
    expect: str = ""
    resolver: str = ""
    tls: dict[str, str] = field(default_factory=dict)
    host: str = ""


def outcome_of(error: Exception) -> str:
    """Name a failure in a word.

    >>> outcome_of(ConnectionRefusedError()), outcome_of(OSError(113, "No route to host"))
    ('refused', 'unreachable')
    """
    if isinstance(error, DnsFailedError):
        return error.outcome
    for kind, name in _NAMES:
        if isinstance(error, kind):
            return name
    if not isinstance(error, OSError):
        raise error
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN):
        return "unreachable"
    return f"os-{errno.errorcode.get(error.errno or 0, str(error.errno)).lower()}"


_NAMES: tuple[tuple[type[Exception], str], ...] = (
    (BadAnswerError, "wrong-answer"),
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ssl.SSLError, "tls"),
    (ConnectionError, "reset"),
)


class Asker:
    """Asks one probe's question.

    Raises OSError, BadAnswerError, DnsFailedError; anything else is a bug.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    async def ask(self, _seq: int) -> Found:
        """Ask once; return the outcome and who answered."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what is kept open."""


class DnsAsker(Asker):
    """Kind "dns"."""

    async def ask(self, _seq: int) -> Found:
        """Look the name up."""
        addresses = await ask(self.spec.target, *_resolver(self.spec))
        right = self.spec.expect in addresses if self.spec.expect else bool(addresses)
        return ("ok" if right else "wrong-answer"), ""


class TcpAsker(Asker):
    """Kind "tcp": the connection is all that is asked."""

    async def ask(self, _seq: int) -> Found:
        """Connect and close."""
        host, _, port = self.spec.target.rpartition(":")
        connection = await Connection.open(host.strip("[]"), int(port), None, self.spec.timeout_s)
        connection.close()
        return "ok", ""


class HttpAsker(Asker):
    """Kind "http", and the way of asking that the API kinds share."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        url = urlsplit(spec.target)
        self._tls = make_tls(spec.tls) if url.scheme == "https" else None
        self._host = url.hostname or ""
        self._port = url.port or (443 if self._tls else 80)
        self._head = (
            f"{url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1\r\nHost: "
            f"{spec.host or url.netloc}\r\n"
        )
        self._name = spec.host.partition(":")[0] or self._host
        self._is_address = _is_address(self._host)
        self._idle: Connection | None = None
        self._bytes = self.request(0)

    def request(self, _seq: int) -> bytes:
        """Build the request; plain HTTP probes send the same one each time."""
        return self.message("GET")

    def message(self, method: str, body: str = "", content_type: str = "") -> bytes:
        """Put a request together."""
        head = f"{method} {self._head}User-Agent: kubedrill-probe\r\nAccept: application/json\r\n"
        head += f"Connection: {'keep-alive' if self.spec.reuse else 'close'}\r\n"
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n{body}".encode()

    async def ask(self, seq: int) -> Found:
        """Ask over the kept connection or a new one.

        One whose last answer is still out is never waited for.
        """
        connection, self._idle = self._idle, None
        if connection is None or not connection.usable:
            address = await self._address()
            connection = await Connection.open(
                address, self._port, self._tls, self.spec.timeout_s, self._name
            )
        answer = await connection.request(self.request(seq) if self.varies else self._bytes)
        if self.spec.reuse and connection.usable and self._idle is None:
            self._idle = connection
        else:
            connection.close()
        if not 200 <= answer.status < 300:
            return f"http-{answer.status}", ""
        return self.check(answer, seq)

    varies = False

    def check(self, answer: Answer, _seq: int) -> Found:
        """Check what a 2xx answer says."""
        if self.spec.expect:
            return ("ok" if answer.body == self.spec.expect.encode() else "wrong-answer"), ""
        data = _json(answer)
        right = (
            isinstance(data.get("greeting"), str)
            and data["greeting"]
            and isinstance(data.get("version"), str)
        )
        return ("ok" if right else "wrong-answer"), str(data.get("pod", ""))

    async def _address(self) -> str:
        if self._is_address:
            return self._host
        addresses = await ask(self._host, *_resolver(self.spec))
        if not addresses:
            raise DnsFailedError("dns-nodata")
        return addresses[0]

    def close(self) -> None:
        """Close the kept connection."""
        if self._idle is not None:
            self._idle.close()


class StatusAsker(HttpAsker):
    """Kind "http-status": any 2xx answer of a server that is not ours.

    A user's application or control target.
    """

    def check(self, _answer: Answer, _seq: int) -> Found:
        """Take it."""
        return "ok", ""


class ApiReadAsker(HttpAsker):
    """Kind "api-read": one object, read from etcd with a quorum (the API's default for a GET)."""

    def check(self, answer: Answer, _seq: int) -> Found:
        """Expect the object of the URL."""
        meta = _json(answer).get("metadata")
        right = isinstance(meta, dict) and meta.get("name") == self.spec.target.rpartition("/")[2]
        return ("ok" if right else "wrong-answer"), ""


class ApiWriteAsker(HttpAsker):
    """Kind "api-write": a number put into the probe's own ConfigMap.

    The answer must hold that number.
    """

    varies = True

    def request(self, seq: int) -> bytes:
        """A merge patch needs no resource version: a lost write never fails the next one."""
        return self.message(
            "PATCH", json.dumps({"data": {"seq": str(seq)}}), "application/merge-patch+json"
        )

    def check(self, answer: Answer, seq: int) -> Found:
        """Expect what was written."""
        data = _json(answer).get("data")
        return (
            "ok" if isinstance(data, dict) and data.get("seq") == str(seq) else "wrong-answer"
        ), ""


KINDS: dict[str, type[Asker]] = {
    "http": HttpAsker,
    "http-status": StatusAsker,
    "tcp": TcpAsker,
    "dns": DnsAsker,
    "api-read": ApiReadAsker,
    "api-write": ApiWriteAsker,
}


def _json(answer: Answer) -> dict[str, Any]:
    try:
        data = json.loads(answer.body)
    except ValueError:
        raise BadAnswerError("not JSON") from None
    if not isinstance(data, dict):
        raise BadAnswerError("not a JSON object")
    return data


def make_tls(files: dict[str, str]) -> ssl.SSLContext:
    """The TLS of a probe: see :class:`Spec`."""
    context = ssl.create_default_context(cafile=files.get("ca"))
    if files.get("verify") == "no":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "cert" in files:
        context.load_cert_chain(files["cert"], files["key"])
    return context


def _resolver(spec: Spec) -> tuple[str, int]:
    address, _, port = spec.resolver.partition(":")
    return address, int(port) if port else PORT


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
