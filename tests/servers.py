"""Servers on loopback that stand for a cluster's API, and waiting for real ones."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import yaml

from kubedrill.base.waits import Waiting, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_S = 90.0


class Handler(BaseHTTPRequestHandler):
    """Calls :meth:`answer` for each request of any method.

    What it remembers are attributes of a class for each test; ``url`` is where it is served.
    """

    url: str

    def __getattr__(self, name: str) -> Any:
        """Give do_GET, do_PATCH and the others."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.answer()

    def answer(self) -> None:
        """Answer one request, whose body is read."""
        raise NotImplementedError

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""

    def send_json(self, status: int, body: bytes, **headers: str) -> None:
        """Answer with a status and a body."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(handler: type[Handler], **attributes: Any) -> Iterator[Any]:
    """Serve a subclass of a handler with these attributes, which it gives."""
    made: Any = type("Api", (handler,), attributes)
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def write_kubeconfig(folder: Path, url: str) -> Path:
    """Write a kubeconfig of one cluster and one user."""
    path = folder / "kubeconfig"
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def until(what: str, holds: Callable[[], object]) -> Any:
    """Wait until something is true of a real server, and return what it gave."""
    values: list[Any] = []

    def probe() -> bool | Waiting:
        try:
            values.append(holds())
        except (OSError, http.client.HTTPException) as error:
            return Waiting(repr(error))
        return True if values[-1] else Waiting(str(values[-1]))

    wait_for(what, probe, seconds=PATIENCE_S, setting="test", poll_s=0.05)
    return values[-1]
