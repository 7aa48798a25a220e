"""The ingress controller of the image, before an API server of our own: routes, certificates, the way it ends."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace as Thing
from typing import TYPE_CHECKING, Any

import pytest
from orders_stack import Program, free_ports, until

from bundle.orders import ingress_program
from harness.app import pki
from harness.app.ingress_view import IngressView, trusting
from harness.app.ledger import ACKNOWLEDGED, settle
from harness.app.orders_manifests import HOST, load, named
from harness.app.traffic import Traffic, keep_on_for
from harness.app.traffic_process import Plan
from harness.config import Timeouts
from harness.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orders_stack import Stack

pytestmark = pytest.mark.xdist_group("orders")


def serve(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Kube:
    """The API server's side: our own Ingress, and Services that lead to processes of this host."""

    def __init__(self, backend_port: int) -> None:
        meta = {"name": "web", "namespace": "kubedrill-orders"}
        ports = [{"name": "http", "port": 80, "targetPort": "http"}]
        mark = {"kubernetes.io/service-name": "web"}
        endpoint = {"addresses": ["127.0.0.1"], "conditions": {"ready": True, "serving": True, "terminating": False}}
        slices = {
            "metadata": {**meta, "labels": mark},
            "ports": [{"name": "http", "port": backend_port, "protocol": "TCP"}],
            "endpoints": [endpoint],
        }
        self.lists = {
            "ingresses": [named(load("v1"), "Ingress", "web")],
            "services": [{"metadata": meta, "spec": {"clusterIP": "127.0.0.1", "type": "ClusterIP", "ports": ports}}],
            "endpointslices": [slices],
        }
        self.asked: set[str] = set()
        kube = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind = self.path.rpartition("/")[2]
                kube.asked.add(self.path)
                body = json.dumps({"items": kube.lists[kind]}).encode() if kind in kube.lists else b"{}"
                self.send_response(200 if kind in kube.lists else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = serve(Handler)


class Backend(BaseHTTPRequestHandler):
    """Says what it was asked; ``/slow`` only when it is let."""

    protocol_version = "HTTP/1.1"
    go = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.slow.set()  # type: ignore[attr-defined]
            self.go.wait(60)
        body = json.dumps({"path": self.path, "host": self.headers["Host"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Ingress:
    """The running controller, and its certificate as the kubelet mounts it: folders, and a link that is swapped."""

    def __init__(self, program: Path, folder: Path, backend_port: int = 0) -> None:
        self.authority = pki.new_authority("test")
        self.folder, self.number = folder, 0
        self.serial = self.mount(self.certificate())
        self.backend = serve(Backend)
        self.backend.slow = threading.Event()  # type: ignore[attr-defined]
        self.kube = Kube(backend_port or self.backend.server_port)
        self.https, self.http, self.health = free_ports(3)
        address = "127.0.0.1:{}".format
        options = {
            "https": address(self.https),
            "http": address(self.http),
            "health": address(self.health),
            "namespace": "kubedrill-orders",
            "class": "^kubedrill-orders$",
            "certificate": str(folder / "tls"),
            "api": f"http://127.0.0.1:{self.kube.server.server_port}",
            "drain": "1s",
        }
        self.program = Program([str(program), *(f"-{k}={v}" for k, v in options.items())], folder / "log").start()
        until("the ingress to be ready", lambda: self.ask(self.health, "/readyz")[0] == 200)

    def certificate(self) -> pki.Pair:
        request = pki.new_request([HOST], ["127.0.0.1"])
        return pki.Pair(pki.sign(request.certificate, self.authority, [HOST, "127.0.0.1"]), request.key)

    def mount(self, pair: pki.Pair) -> int:
        self.number += 1
        version = self.folder / "tls" / f"..{self.number}"
        version.mkdir(parents=True)
        (version / "tls.crt").write_text(pair.certificate)
        (version / "tls.key").write_text(pair.key)
        link = self.folder / "tls" / "..new"
        link.symlink_to(version.name)
        link.replace(self.folder / "tls" / "..data")
        return pki.serial(pair.certificate)

    def ask(self, port: int, path: str, host: str = "127.0.0.1") -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            body = response.read()
            return response.status, json.loads(body) if body[:1] == b"{" else body
        finally:
            connection.close()

    @property
    def view(self) -> IngressView:
        here = Thing(endpoint_address="127.0.0.1", nodes=[])
        return IngressView(here, self.authority.certificate, self.https)  # type: ignore[arg-type]

    def close(self) -> None:
        Backend.go.set()
        self.program.stop()
        self.kube.server.shutdown()
        self.backend.shutdown()


@pytest.fixture(scope="module")
def program() -> Path:
    """The controller as the image holds it."""
    return ingress_program()


@pytest.fixture
def ingress(program: Path, tmp_path: Path) -> Iterator[Ingress]:
    Backend.go.clear()
    found = Ingress(program, tmp_path)
    try:
        yield found
    finally:
        found.close()


def test_it_routes_by_name_and_by_address_and_asks_for_nothing_but_its_namespace(ingress: Ingress) -> None:
    for host in (HOST, f"{HOST}:30443", "172.31.77.10:30082", "anything"):
        assert ingress.ask(ingress.http, "/orders?since=3", host) == (200, {"path": "/orders?since=3", "host": host})
    kinds = ("networking.k8s.io/v1", "discovery.k8s.io/v1")
    wanted = {f"/apis/{group}/namespaces/kubedrill-orders/" for group in kinds} | {
        "/api/v1/namespaces/kubedrill-orders/"
    }
    asked = {path.rpartition("/")[0] + "/" for path in ingress.kube.asked if "zalando" not in path}
    assert asked == wanted
    assert not [path for path in ingress.kube.asked if path.endswith("secrets")]


def test_endpoints_that_come_and_go_are_followed(ingress: Ingress) -> None:
    kept = ingress.kube.lists["endpointslices"][0]["endpoints"]
    ingress.kube.lists["endpointslices"][0]["endpoints"] = []
    until("no endpoint to be left", lambda: ingress.ask(ingress.http, "/")[0] in (502, 503))
    ingress.kube.lists["endpointslices"][0]["endpoints"] = kept
    until("the endpoint to be back", lambda: ingress.ask(ingress.http, "/")[0] == 200)


def test_a_new_certificate_is_served_without_a_restart_and_open_connections_go_on(ingress: Ingress) -> None:
    view = ingress.view
    assert view.serials("127.0.0.1") == view.serials("127.0.0.1", "127.0.0.1") == {ingress.serial}
    kept = http.client.HTTPSConnection("127.0.0.1", ingress.https, context=trusting(ingress.authority.certificate))
    kept.request("GET", "/before")
    assert kept.getresponse().read()
    new = ingress.mount(ingress.certificate())
    assert view.lacks(new) is None
    assert f"127.0.0.1 serves {new:x}" in str(view.lacks(ingress.serial))
    kept.request("GET", "/kept")
    assert b"/kept" in kept.getresponse().read()
    kept.close()
    ingress.mount(pki.Pair(ingress.certificate().certificate, ingress.certificate().key))
    assert view.lacks(new) is None, "a certificate that is not the key's is not taken"
    assert "the last one is kept" in ingress.program.said()
    assert view.lacks(ingress.mount(ingress.certificate())) is None


def test_strangers_are_not_trusted_and_errors_are_told(ingress: Ingress) -> None:
    here = Thing(endpoint_address="127.0.0.1", nodes=[])
    stranger = IngressView(here, pki.new_authority("stranger").certificate, ingress.https)  # type: ignore[arg-type]
    assert "certificate verify failed" in str(stranger.lacks(ingress.serial))
    with pytest.raises(ssl.SSLCertVerificationError):
        ingress.view.serials("127.0.0.1", "bank.example")
    assert ingress.view.get("127.0.0.1", "/x") == {"path": "/x", "host": HOST}
    ingress.kube.lists["ingresses"] = []
    until("the route to be gone", lambda: ingress.ask(ingress.http, "/")[0] == 404)
    with pytest.raises(StepFailed, match="answered 404 to /x"):
        ingress.view.get("127.0.0.1", "/x")


def test_orders_go_on_through_the_ingress_while_its_certificate_is_rotated(
    stack: Stack, program: Path, tmp_path: Path
) -> None:
    found = Ingress(program, tmp_path, stack.http_port)
    authority = found.authority.certificate
    plan = Plan(f"https://127.0.0.1:{found.https}", "rotated", 20, 5, new_connections=0.5, authority=authority)
    try:
        with Traffic(plan, tmp_path / "ledger.jsonl", Timeouts()) as traffic:
            for _ in range(3):
                serial = found.mount(found.certificate())
                assert found.view.lacks(serial) is None
                keep_on_for(0.5, traffic.check)
            traffic.stop()
            ledger = traffic.read_back()
    finally:
        found.close()
    assert {write.outcome for write in ledger.writes.values()} == {ACKNOWLEDGED}
    assert settle(ledger).wrong == ()
    assert set(ledger.reads) <= {"ok", "missing"}


def test_it_ends_only_when_what_is_under_way_has_its_answer(ingress: Ingress) -> None:
    answers: list[tuple[int, Any]] = []
    asking = threading.Thread(target=lambda: answers.append(ingress.ask(ingress.http, "/slow")))
    asking.start()
    assert ingress.backend.slow.wait(60)  # type: ignore[attr-defined]
    ingress.program.signal(signal.SIGTERM)
    until("it to say that it goes", lambda: ingress.ask(ingress.health, "/readyz")[0] == 503)
    assert ingress.ask(ingress.health, "/healthz")[0] == 200
    Backend.go.set()
    asking.join(60)
    assert answers == [(200, {"path": "/slow", "host": "127.0.0.1"})]
    assert ingress.program.process is not None
    assert ingress.program.process.wait(60) == 0
