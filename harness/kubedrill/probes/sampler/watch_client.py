"""One client of the watch ledger: what it asks of an API server, and the lines that it writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from .http1 import Answer, BadAnswerError, Connection
from .kinds import make_tls
from .watch_answers import BROKEN, read_content, read_head, read_json, read_lines

if TYPE_CHECKING:
    import ssl

    from .sinks import FileSink

ANSWER_S = 3.0
"""Seconds that a request, or the begin of a watch, may take."""
SILENT_S = 5.0
"""Seconds without a word of a watch after which it is opened again, if there was something new."""
AGAIN_S = 0.5
"""Seconds between two tries to open a watch."""
MOST_LINE_BYTES = 1 << 20
GONE, CONFLICT = 410, 409
DELETED, END = "deleted", "end"


class GoneError(Exception):
    """The API server has forgotten the revision to go on from."""


class Ledger:
    """Writes lines; those of one client never have the same time."""

    def __init__(self, sink: FileSink) -> None:
        self._sink, self._last = sink, 0

    def put(  # noqa: PLR0913 - the columns of a line
        self,
        client: str,
        kind: str,
        sent: int,
        *,
        revision: int = 0,
        base: int = 0,
        value: str = "",
    ) -> int:
        """Add a line of what just happened, and give its time."""
        done = self._last = max(time.monotonic_ns(), self._last + 1)
        line = ["watch", client, kind, min(sent, done), done, revision, base, value]
        self._sink.put(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n")
        return done


class Newest:
    """The newest revision of the object that any client was told."""

    def __init__(self) -> None:
        self.revision = 0

    def see(self, revision: int) -> None:
        """Take one that a client was told."""
        self.revision = max(self.revision, revision)


class Client:
    """Asks one API server, or the endpoint, about the object."""

    def __init__(
        self, name: str, url: str, config: dict[str, Any], ledger: Ledger, newest: Newest
    ) -> None:
        self.name, self._ledger, self._newest = name, ledger, newest
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._tls: ssl.SSLContext | None = (
            make_tls(config["tls"]) if parts.scheme == "https" else None
        )
        self._netloc, self._path, self._object = parts.netloc, config["path"], config["name"]
        self._idle: Connection | None = None
        self.position = 0  # the watch has told everything up to it
        self.is_open = False

    async def list(self) -> tuple[int, int]:
        """List the object as it is now: the revisions of the list and of the object.

        Raises OSError or BadAnswerError.
        """
        sent = time.monotonic_ns()
        answer = await self._ask("GET", f"?{self._selector}")
        if answer.status != 200:
            raise BadAnswerError(f"http-{answer.status}")
        data = read_json(answer.body)
        listed, _ = read_content(data)
        revision, value = 0, ""
        for item in data.get("items") or ():
            revision, value = read_content(item)
        self._ledger.put(self.name, "list", sent, revision=listed, base=revision, value=value)
        return listed, revision

    async def write(self, base: int, value: str) -> int:
        """Write a content on condition of a revision, and give the new one; 0 without one."""
        meta = {"name": self._object, "resourceVersion": str(base)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}
        sent, kind, revision = time.monotonic_ns(), "unknown", 0
        try:
            answer = await self._ask("PUT", f"/{self._object}", json.dumps(body))
            if answer.status == 200:
                revision, _ = read_content(read_json(answer.body))
                kind = "write"
            elif 400 <= answer.status < 500:
                kind = "conflict" if answer.status == CONFLICT else "refused"
        except ConnectionRefusedError:
            kind = "refused"
        except BROKEN:
            pass  # it was sent, or may have been: nobody knows
        self._ledger.put(self.name, kind, sent, revision=revision, base=base, value=value)
        self._newest.see(revision)
        return revision

    def refused(self, sent: int, value: str) -> None:
        """Say that a content could not even be sent."""
        self._ledger.put(self.name, "refused", sent, value=value)

    async def watch(self) -> None:
        """Watch the object for ever."""
        while True:
            try:
                if not self.position:
                    self.position = (await self.list())[0]
                await self._follow()
            except GoneError:
                self._ledger.put(self.name, "gone", time.monotonic_ns(), revision=self.position)
                self.position, self.is_open = 0, False
            except BROKEN as error:
                if self.is_open:
                    self._closed(type(error).__name__)
            await asyncio.sleep(AGAIN_S)

    def end(self) -> None:
        """Say that this is the end."""
        self._closed(END)
        if self._idle is not None:
            self._idle.close()

    def _closed(self, reason: str) -> None:
        self._ledger.put(self.name, "closed", time.monotonic_ns(), value=reason)
        self.is_open = False

    async def _follow(self) -> None:
        sent = time.monotonic_ns()
        query = f"?watch=1&allowWatchBookmarks=true&resourceVersion={self.position}"
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await self._connect()
                stack.callback(writer.transport.abort)
                writer.write(self._message("GET", f"{query}&{self._selector}"))
                status, chunked = await read_head(reader)
            if status == GONE:
                raise GoneError
            if status != 200 or not chunked:
                raise BadAnswerError(f"http-{status}")
            self._ledger.put(self.name, "open", sent, revision=self.position)
            self.is_open = True
            lines = read_lines(reader)
            while True:
                coming = asyncio.ensure_future(anext(lines))
                stack.callback(coming.cancel)
                while not (await asyncio.wait({coming}, timeout=SILENT_S))[0]:
                    if self._newest.revision > self.position:
                        raise TimeoutError
                self._take(read_json(await coming))

    def _take(self, event: dict[str, Any]) -> None:
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            if item.get("code") == GONE:
                raise GoneError
            raise BadAnswerError(str(item.get("message"))[:80])
        revision, value = read_content(item)
        if kind == "BOOKMARK":
            self._ledger.put(self.name, "bookmark", time.monotonic_ns(), revision=revision)
        else:
            value = DELETED if kind == "DELETED" else value
            self._newest.see(revision)
            self._ledger.put(
                self.name, "event", time.monotonic_ns(), revision=revision, value=value
            )
        self.position = max(self.position, revision)

    @property
    def _selector(self) -> str:
        return f"fieldSelector={quote(f'metadata.name={self._object}', safe='')}"

    def _message(self, method: str, rest: str, body: str = "") -> bytes:
        head = (
            f"{method} {self._path}{rest} HTTP/1.1\r\nHost: {self._netloc}\r\n"
            "User-Agent: kubedrill-watch\r\nAccept: application/json\r\n"
        )
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
        return f"{head}\r\n{body}".encode()

    async def _ask(self, method: str, rest: str, body: str = "") -> Answer:
        async with asyncio.timeout(ANSWER_S):
            connection, self._idle = self._idle, None
            if connection is None or not connection.usable:
                connection = await Connection.open(self._host, self._port, self._tls, ANSWER_S)
            answer = await connection.request(self._message(method, rest, body))
            if self._idle is None and connection.usable:
                self._idle = connection
            else:
                connection.close()
            return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            self._host,
            self._port,
            ssl=self._tls,
            server_hostname=self._host if self._tls else None,
            family=socket.AF_INET6 if ":" in self._host else socket.AF_INET,
            limit=MOST_LINE_BYTES,
        )
