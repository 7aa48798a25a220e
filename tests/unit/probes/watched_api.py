"""API servers of one store that a watch ledger is kept about, honest or not."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = 1_000


class Store:
    """One object with all its revisions; a write is on condition of the newest."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.revisions: list[tuple[int, str]] = [(BEGIN, "")]

    def write(self, base: int, value: str) -> int:
        """Give the new revision, 0 where another was first."""
        with self.lock:
            if self.revisions[-1][0] != base:
                return 0
            self.revisions.append((base + 3, value))
            self.lock.notify_all()
            return base + 3

    def since(self, revision: int, wait_s: float) -> list[tuple[int, str]]:
        """What came after a revision; waits for it."""
        with self.lock:
            self.lock.wait_for(lambda: self.revisions[-1][0] > revision, wait_s)
            return [each for each in self.revisions if each[0] > revision]


class Server(ThreadingHTTPServer):
    """An API server. What it does wrong, and to which event, are its attributes."""

    daemon_threads = True

    def __init__(self, store: Store) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store
        self.leaves_out = self.repeats = self.cuts_after = self.is_gone_after = 0
        self.lists_old = self.takes_any_base = False
        self.watches = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        assert query["fieldSelector"] == ["metadata.name=watch-ledger"]
        if "watch" in query:
            self._watch(int(query["resourceVersion"][0]))
            return
        place = -3 if self.server.lists_old and len(self.server.store.revisions) > 5 else -1
        revision, value = self.server.store.revisions[place]
        meta = {"resourceVersion": str(revision)}
        self._send(200, {"metadata": meta, "items": [_object(revision, value)]})

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        base, value = int(body["metadata"]["resourceVersion"]), body["data"]["value"]
        store = self.server.store
        made_from = store.revisions[-1][0] if self.server.takes_any_base else base
        revision = store.write(made_from, value)
        if revision:
            self._send(200, _object(revision, value))
        else:
            self._send(409, {"kind": "Status", "code": 409})

    def _watch(self, position: int) -> None:
        server = self.server
        server.watches += 1
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        try:
            while True:
                for revision, value in server.store.since(position, 0.2):
                    position = revision
                    sent += 1
                    events = [{"type": "MODIFIED", "object": _object(revision, value)}]
                    if sent == server.leaves_out:
                        events = []
                    if sent == server.repeats:
                        events *= 2
                    if sent == server.is_gone_after and server.watches == 1:
                        events = [{"type": "ERROR", "object": {"kind": "Status", "code": 410}}]
                    for event in events:
                        self._chunk(json.dumps(event).encode() + b"\n")
                    if sent == server.cuts_after and server.watches < 3:
                        self.close_connection = True
                        return
        except OSError:
            self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        middle = len(data) // 2  # an event need not come in one piece
        for part in (data[:middle], data[middle:]):
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")

    def _send(self, status: int, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""


def _object(revision: int, value: str) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(revision)}, "data": {"value": value}}


@contextmanager
def api_servers(count: int) -> Iterator[list[Server]]:
    """Some API servers of one store."""
    store = Store()
    servers = [Server(store) for _ in range(count)]
    threads = [threading.Thread(target=each.serve_forever, args=(0.01,)) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield servers
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
