"""The sample application itself, run as the process that its image runs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from ports import free_port

from kubedrill.apps.grpc_client import Greeting, decode, say_hello
from kubedrill.base.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

APPS = Path(__file__).parents[3] / "apps"
MAIN = APPS / "sample/main.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(APPS / "common")}


@dataclass
class App:
    process: subprocess.Popen[str]
    http: int
    grpc: int
    folder: Path

    def get(
        self, path: str, headers: dict[str, str] | None = None
    ) -> tuple[int, str, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=60)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode(), response
        finally:
            connection.close()

    def health(self) -> bytes:
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc}") as channel:
            return bytes(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=60))

    def say_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def running(folder: Path, **env: str) -> Iterator[App]:
    (folder / "greeting").write_text("Hello\n")
    (folder / "token").write_text("s3cret\n")
    http_port, grpc_port = free_port(), free_port()
    settings = {
        "APP_VERSION": "v1",
        "POD_NAME": "hello-1",
        "NODE_NAME": "w1",
        "GREETING_FILE": str(folder / "greeting"),
        "TOKEN_FILE": str(folder / "token"),
        "HTTP_PORT": str(http_port),
        "GRPC_PORT": str(grpc_port),
        "LISTEN_ADDRESS": "127.0.0.1",
        "DRAIN_SECONDS": "0.3",
        **env,
    }
    process = subprocess.Popen(
        [sys.executable, "-B", str(MAIN)],
        env={**ENVIRONMENT, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    app = App(process, http_port, grpc_port, folder)
    try:
        assert "hello v1: HTTP on" in app.say_line()
        yield app
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as result:
        yield result


def test_both_faces_give_the_same_greeting(app: App) -> None:
    output = {"greeting": "Hello", "version": "v1", "pod": "hello-1", "node": "w1"}
    status, body, _ = app.get("/")
    assert (status, json.loads(body)) == (200, output)
    assert say_hello(f"127.0.0.1:{app.grpc}", 5) == Greeting(**output)
    assert app.health() == b"\x08\x01", "SERVING"


def test_ready_and_alive(app: App) -> None:
    assert app.get("/healthz")[:2] == (200, "ok\n")
    assert app.get("/readyz")[:2] == (200, "ok\n")
    assert 'hello_answers_total{kind="http_200"}' in app.get("/metrics")[1]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
        ("Bearer wrong", 401),
        ("Basic s3cret", 401),
        ("", 401),
    ],
)
def test_the_token_is_checked_and_never_shown(app: App, header: str, status: int) -> None:
    result, body, response = app.get("/token", {"Authorization": header} if header else {})
    assert result == status
    assert "s3cret" not in body + str(response.headers)


def test_a_wrong_wait_is_refused(app: App) -> None:
    assert app.get("/?wait_ms=-1")[0] == 400
    assert app.get("/?wait_ms=99999")[0] == 400


def test_unknown_health_service_is_not_found(app: App) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{app.grpc}") as channel:
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"\x0a\x01x", timeout=60)
        assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_the_greeting_follows_its_file(tmp_path: Path) -> None:
    with running(tmp_path) as app:
        new = tmp_path / "new"
        new.write_text("Good morning\n")
        new.replace(tmp_path / "greeting")
        assert json.loads(app.get("/")[1])["greeting"] == "Good morning"


def test_without_its_files_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    with running(tmp_path) as app:
        (tmp_path / "token").unlink()
        assert app.get("/token", {"Authorization": "Bearer s3cret"})[0] == 503
        assert app.get("/readyz")[:2] == (503, "token: No such file or directory\n")
        (tmp_path / "greeting").unlink()
        assert app.get("/")[0] == 503
        assert app.get("/healthz")[0] == 200
        assert app.health() == b"\x08\x02", "NOT_SERVING"
        with pytest.raises(StepFailed, match="UNAVAILABLE: no greeting"):
            say_hello(f"127.0.0.1:{app.grpc}", 5)


def test_sigterm_drains_without_losing_a_request(tmp_path: Path) -> None:
    with running(
        tmp_path, DRAIN_SECONDS="5"
    ) as app:  # a crowded machine needs seconds for what is asked meanwhile
        answers: list[tuple[int, str]] = []
        slow = threading.Thread(target=lambda: answers.append(app.get("/?wait_ms=900")[:2]))
        saved = http.client.HTTPConnection("127.0.0.1", app.http, timeout=60)
        saved.request("GET", "/")
        first = saved.getresponse()
        first.read()
        slow.start()
        app.process.send_signal(signal.SIGTERM)
        assert "draining" in app.say_line()
        assert app.get("/readyz")[:2] == (503, "draining\n")
        assert app.get("/")[0] == 200, "new connections are served while balancers still send them"
        saved.request("GET", "/")
        last = saved.getresponse()
        assert (last.status, last.getheader("Connection")) == (200, "close")
        slow.join()
        assert answers[0][0] == 200, "a request in flight outlives the drain"
        assert app.process.wait(60) == 0


def test_a_wrong_setting_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", str(MAIN)],
        env={**ENVIRONMENT, "DRAIN_SECONDS": "soon"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "DRAIN_SECONDS='soon': expected a number from 0 to 15" in done.stderr


@pytest.mark.parametrize("data", [b"\x08\x01", b"\x0a\x05hi", b"\x80", b"\x0a\x01\xff"])
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeDecodeError is one too
        decode(data)


def test_nobody_there_is_reported_clearly() -> None:
    with pytest.raises(StepFailed, match="failed with UNAVAILABLE"):
        say_hello(f"127.0.0.1:{free_port()}", 2)
