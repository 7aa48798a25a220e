from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import pytest

from kubedrill.base.files import sha256_of
from kubedrill.bundle.cache import Cache
from kubedrill.bundle.manifest import Manifest, Part
from kubedrill.cli.main import run as run_kubedrill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class PublishedFiles:
    """A loopback web server: path → body.

    ``promised`` may claim another length than the body has.
    """

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    promised: dict[str, int] = field(default_factory=dict)


@pytest.fixture
def published() -> Iterator[PublishedFiles]:
    files = PublishedFiles()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.bodies.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(files.promised.get(self.path, len(body))))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield files
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def small_bundle(cache: Cache) -> Path:
    """Write a bundle of two small files, as a build leaves it."""
    folder = cache.bundles / "v1.35.4-amd64"
    parts = []
    for name, path in (("kubeadm", "bin/kubeadm"), ("pause", "images/pause.tar")):
        file = folder / path
        file.parent.mkdir(parents=True)
        file.write_bytes(name.encode() * 10)
        parts.append(
            Part(
                name=name,
                version="v1",
                kind="binary" if name == "kubeadm" else "image",
                path=path,
                source="test",
                size=file.stat().st_size,
                sha256=sha256_of(file),
                nodes=("control_plane",),
            )
        )
    Manifest(
        kubernetes="v1.35.4", arch="amd64", source="modules", key="k" * 64, parts=tuple(parts)
    ).write(folder)
    return folder


class Result(NamedTuple):
    exit_code: int
    output: str


@pytest.fixture
def run(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    monkeypatch.setenv("KUBEDRILL_CACHE", str(cache.root))

    def invoke(*argv: str) -> Result:
        code = run_kubedrill(["bundle", *argv])
        return Result(code, "".join(capsys.readouterr()))

    return invoke
