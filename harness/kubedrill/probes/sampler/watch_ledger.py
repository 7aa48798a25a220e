"""``python -m sampler.watch_ledger CONFIG``: keep watches, lists and writes until stdin closes.

One object, on which two clients write each second on condition of the same revision, so that one of
them has to be refused. Each API server, and the cluster's own endpoint, has a watch and is listed
every few seconds. All that they did and were told goes into the record, where
``kubedrill.verdict.watch_ledger`` judges it; a connection that breaks is opened again from the last
revision that came.

CONFIG is a JSON file: ``{"record": path, "path": "/api/v1/…/configmaps", "name": object, "clients":
{name: URL}, "tls": {"ca", "cert", "key"}}``; ``"write_s"``, ``"list_s"`` and
``"catch_up_s"`` replace the defaults below. Writes one line ``ready`` once the ledger is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from .http1 import Answer, BadAnswerError, Connection
from .kinds import make_tls
from .sinks import FileSink

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

WRITE_S = 1.0
LIST_S = 5.0
MIN_REST_S = 0.01
"""Seconds between two writes at the least, however long one took."""
ANSWER_S = 3.0
"""Seconds that a request, or the begin of a watch, may take."""
SILENT_S = 5.0
"""Seconds without a word of a watch after which it is opened again, if there was something new."""
AGAIN_S = 0.5
"""Seconds between two tries to open a watch."""
CATCH_UP_S = 12.0
"""Seconds at the end until every watch has told the newest revision; 2 s more than the verdict
gives them."""
MOST_LINE_BYTES = 1 << 20
GONE, CONFLICT = 410, 409
DELETED, END = "deleted", "end"

_BROKEN = (OSError, BadAnswerError, EOFError, asyncio.LimitOverrunError)  # TimeoutError is OSError


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
        data = _json(answer.body)
        listed, _ = _content(data)
        revision, value = 0, ""
        for item in data.get("items") or ():
            revision, value = _content(item)
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
                revision, _ = _content(_json(answer.body))
                kind = "write"
            elif 400 <= answer.status < 500:
                kind = "conflict" if answer.status == CONFLICT else "refused"
        except ConnectionRefusedError:
            kind = "refused"
        except _BROKEN:
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
            except _BROKEN as error:
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
                status, chunked = await _head(reader)
            if status == GONE:
                raise GoneError
            if status != 200 or not chunked:
                raise BadAnswerError(f"http-{status}")
            self._ledger.put(self.name, "open", sent, revision=self.position)
            self.is_open = True
            lines = _lines(reader)
            while True:
                coming = asyncio.ensure_future(anext(lines))
                stack.callback(coming.cancel)
                while not (await asyncio.wait({coming}, timeout=SILENT_S))[0]:
                    if self._newest.revision > self.position:
                        raise TimeoutError
                self._take(_json(await coming))

    def _take(self, event: dict[str, Any]) -> None:
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            if item.get("code") == GONE:
                raise GoneError
            raise BadAnswerError(str(item.get("message"))[:80])
        revision, value = _content(item)
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


class Writer:
    """Writes through two clients at once, on condition of the same revision."""

    def __init__(self, clients: list[Client], every_s: float) -> None:
        self._clients, self._every_s, self._number = clients, every_s, 0

    async def run(self, stopped: asyncio.Task[None]) -> None:
        """Write until stopped. What is under way then is finished: it may have been applied."""
        base = 0
        while not stopped.done():
            began = time.monotonic()
            base = await self._write(base)
            rest_s = max(MIN_REST_S, began + self._every_s - time.monotonic())
            await asyncio.wait({stopped}, timeout=rest_s)

    async def _write(self, base: int) -> int:
        """Write once, and give the revision to go on from; 0 where nobody knows it."""
        self._number += 1
        first = self._clients[self._number % len(self._clients)]
        # a prefix of this process: a write of an earlier one has another content
        values = [f"{_SESSION}-{self._number}-{each}" for each in ("a", "b")]
        if not base:
            sent = time.monotonic_ns()
            try:
                _, base = await first.list()
            except _BROKEN:
                first.refused(sent, values[0])
                return 0
        second = self._clients[(self._number + 1) % len(self._clients)]
        revisions = await asyncio.gather(
            first.write(base, values[0]), second.write(base, values[1])
        )
        return max(revisions)


_SESSION = f"{time.time_ns():x}"


async def list_often(client: Client, every_s: float) -> None:
    """List every few seconds; where that fails, the API probes have it."""
    while True:
        await asyncio.sleep(every_s)
        with contextlib.suppress(*_BROKEN):
            await client.list()


async def run(config: dict[str, Any]) -> None:
    """Keep the ledger until stdin closes, then wait until every watch has told everything."""
    sink = FileSink(config["record"])
    ledger = Ledger(sink)
    newest = Newest()
    clients = [Client(name, url, config, ledger, newest) for name, url in config["clients"].items()]
    writer = Writer(clients, config.get("write_s", WRITE_S))
    stopped = asyncio.create_task(_parent_gone())
    writing = asyncio.create_task(writer.run(stopped))
    watching = [asyncio.create_task(each.watch()) for each in clients]
    listing = [
        asyncio.create_task(list_often(each, config.get("list_s", LIST_S))) for each in clients
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        tasks = {stopped, writing, *watching, *listing}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            await writing
        await _cancel([writing, *listing])
        deadline = time.monotonic() + config.get("catch_up_s", CATCH_UP_S)
        while time.monotonic() < deadline and sink.error is None:
            if all(each.is_open and each.position >= newest.revision for each in clients):
                break
            await asyncio.sleep(0.05)
        await _cancel(watching)
        for client in clients:
            client.end()
    finally:
        stopped.cancel()
        sink.close()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks; what one of them ended with before is raised."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _parent_gone() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()


def _json(text: bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        raise BadAnswerError("not JSON") from None
    if not isinstance(data, dict):
        raise BadAnswerError("not a JSON object")
    return data


def _content(item: dict[str, Any]) -> tuple[int, str]:
    """The revision of an object and its content."""
    try:
        content = (item.get("data") or {}).get("value", "")
        return int(item["metadata"]["resourceVersion"]), str(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswerError(f"no object: {error!r}") from None


async def _head(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of an answer, and whether its body comes in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    words = head.split(" ", 2)
    if not head.startswith("http/1.") or len(words) < 2 or not words[1][:3].isdecimal():
        raise BadAnswerError("not HTTP/1")
    return int(words[1][:3]), "transfer-encoding: chunked" in head


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a body that comes in chunks; ends with EOFError."""
    rest = b""
    while size := _size(await reader.readuntil(b"\r\n")):
        chunk = await reader.readexactly(size + 2)
        *lines, rest = (rest + chunk[:-2]).split(b"\n")
        for line in lines:
            yield line
    raise EOFError("the watch ended")


def _size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise BadAnswerError("not a chunk") from None


def main() -> None:
    """Run from the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m sampler.watch_ledger CONFIG.json\n")
        raise SystemExit(2)
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    gc.freeze()
    asyncio.run(run(config))


if __name__ == "__main__":
    main()
