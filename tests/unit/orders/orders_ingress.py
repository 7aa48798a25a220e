"""The ingress controller of the image on this host, before an API server of our own."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from orders_stack import Program, until
from ports import free_ports

from kubedrill.orders import pki
from kubedrill.orders.ingress_view import IngressView
from kubedrill.orders.manifests import HOST, load, named

if TYPE_CHECKING:
    from pathlib import Path


def serve(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Kube:
    """The API server's side.

    Our own Ingresses, and a Service that leads to processes of this host.
    """

    def __init__(self, backend_port: int, grpc_port: int) -> None:
        meta = {"name": "web", "namespace": "kubedrill-orders"}
        ports = named(load("v1"), "Service", "web")["spec"]["ports"]
        mark = {"kubernetes.io/service-name": "web"}
        endpoint = {
            "addresses": ["127.0.0.1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
        }
        slices = {
            "metadata": {**meta, "labels": mark},
            "ports": [
                {"name": "http", "port": backend_port, "protocol": "TCP"},
                {"name": "grpc", "port": grpc_port, "protocol": "TCP"},
            ],
            "endpoints": [endpoint],
        }
        self.lists = {
            "ingresses": [obj for obj in load("v1") if obj["kind"] == "Ingress"],
            "services": [
                {
                    "metadata": meta,
                    "spec": {"clusterIP": "127.0.0.1", "type": "ClusterIP", "ports": ports},
                }
            ],
            "endpointslices": [slices],
        }
        self.asked: set[str] = set()
        kube = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind = self.path.rpartition("/")[2]
                kube.asked.add(self.path)
                body = (
                    json.dumps({"items": kube.lists[kind]}).encode()
                    if kind in kube.lists
                    else b"{}"
                )
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
    """The running controller, and its certificate as the kubelet mounts it.

    Folders, and a link that is swapped.
    """

    def __init__(
        self, program: Path, folder: Path, backend_port: int = 0, grpc_port: int = 9
    ) -> None:
        self.authority = pki.new_authority("test")
        self.folder, self.number = folder, 0
        self.serial = self.mount(self.certificate())
        self.backend = serve(Backend)
        self.backend.slow = threading.Event()  # type: ignore[attr-defined]
        self.kube = Kube(backend_port or self.backend.server_port, grpc_port)
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
        self.program = Program(
            [str(program), *(f"-{k}={v}" for k, v in options.items())], folder / "log"
        ).start()
        until("the ingress to be ready", lambda: self.ask(self.health, "/readyz")[0] == 200)

    def certificate(self) -> pki.Pair:
        request = pki.new_request([HOST], ["127.0.0.1"])
        return pki.Pair(
            pki.sign(request.certificate, self.authority, [HOST, "127.0.0.1"]), request.key
        )

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
        here = SimpleNamespace(endpoint_address="127.0.0.1", nodes=[])
        return IngressView(here, self.authority.certificate, self.https)  # type: ignore[arg-type]

    def close(self) -> None:
        Backend.go.set()
        self.program.stop()
        self.kube.server.shutdown()
        self.backend.shutdown()
