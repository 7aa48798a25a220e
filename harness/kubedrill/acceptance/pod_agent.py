"""Runs in a pod of the acceptance suite.

Tells what the pod sees of names, other pods and its volume.

GET /id, /resolve?name=NAME, /fetch?url=URL, /connect?host=ADDRESS&port=PORT,
/write?path=PATH&text=TEXT, /read?path=PATH. Answers are JSON.
"""

import json
import os
import socket
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TIMEOUT_S = 3


def answer(path: str, query: dict[str, str]) -> Any:
    """What one request asks for."""
    if path == "/id":
        return {"pod": os.environ["POD_NAME"], "node": os.environ["NODE_NAME"]}
    if path == "/resolve":
        return sorted(
            {
                str(info[4][0])
                for info in socket.getaddrinfo(query["name"], None, proto=socket.IPPROTO_TCP)
            }
        )
    if path == "/fetch":
        if not query["url"].startswith(("http://", "https://")):
            raise LookupError(query["url"])
        with urllib.request.urlopen(query["url"], timeout=TIMEOUT_S) as response:  # noqa: S310 - checked above
            return response.read().decode()
    if path == "/connect":
        with socket.create_connection((query["host"], int(query["port"])), TIMEOUT_S):
            return True
    if path == "/write":
        return Path(query["path"]).write_text(query["text"], encoding="utf-8")
    if path == "/read":
        return Path(query["path"]).read_text(encoding="utf-8")
    raise LookupError(path)


class Handler(BaseHTTPRequestHandler):
    """One request a thread."""

    def do_GET(self) -> None:
        """Answer, or say what went wrong with 422.

        5xx would look like a fault of the API server's proxy.
        """
        parts = urlsplit(self.path)
        try:
            status, body = 200, answer(parts.path, dict(parse_qsl(parts.query)))
        except (OSError, LookupError) as error:
            status, body = 422, f"{type(error).__name__}: {error}"
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
