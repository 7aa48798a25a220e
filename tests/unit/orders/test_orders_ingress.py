"""The ingress controller of the image: routes, certificates, the way it ends."""

from __future__ import annotations

import http.client
import signal
import ssl
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from orders_ingress import Backend, Ingress
from orders_stack import until

from kubedrill.base.errors import StepFailed
from kubedrill.config import Timeouts
from kubedrill.orders import pki
from kubedrill.orders.ingress_view import IngressView, trusting
from kubedrill.orders.ledger import ACKNOWLEDGED, settle
from kubedrill.orders.manifests import HOST
from kubedrill.orders.traffic import Traffic, sustain_traffic
from kubedrill.orders.traffic_process import TrafficPlan

if TYPE_CHECKING:
    from pathlib import Path

    from orders_stack import Stack

pytestmark = pytest.mark.xdist_group("orders")


def test_it_routes_by_name_and_by_address_and_asks_for_nothing_but_its_namespace(
    ingress: Ingress,
) -> None:
    for host in (HOST, f"{HOST}:30443", "172.31.77.10:30082", "anything"):
        assert ingress.ask(ingress.http, "/orders?since=3", host) == (
            200,
            {"path": "/orders?since=3", "host": host},
        )
    kinds = ("networking.k8s.io/v1", "discovery.k8s.io/v1")
    expected = {f"/apis/{group}/namespaces/kubedrill-orders/" for group in kinds} | {
        "/api/v1/namespaces/kubedrill-orders/"
    }
    asked = {path.rpartition("/")[0] + "/" for path in ingress.kube.asked if "zalando" not in path}
    assert asked == expected
    assert not [path for path in ingress.kube.asked if path.endswith("secrets")]


def test_endpoints_that_come_and_go_are_followed(ingress: Ingress) -> None:
    saved = ingress.kube.lists["endpointslices"][0]["endpoints"]
    ingress.kube.lists["endpointslices"][0]["endpoints"] = []
    until("no endpoint to be left", lambda: ingress.ask(ingress.http, "/")[0] in (502, 503))
    ingress.kube.lists["endpointslices"][0]["endpoints"] = saved
    until("the endpoint to be back", lambda: ingress.ask(ingress.http, "/")[0] == 200)


def test_a_new_certificate_is_served_without_a_restart_and_open_connections_go_on(
    ingress: Ingress,
) -> None:
    view = ingress.view
    assert view.serials("127.0.0.1") == view.serials("127.0.0.1", "127.0.0.1") == {ingress.serial}
    saved = http.client.HTTPSConnection(
        "127.0.0.1", ingress.https, context=trusting(ingress.authority.certificate)
    )
    saved.request("GET", "/before")
    assert saved.getresponse().read()
    new = ingress.mount(ingress.certificate())
    assert view.find_mismatch(new) is None
    assert f"127.0.0.1 serves {new:x}" in str(view.find_mismatch(ingress.serial))
    saved.request("GET", "/kept")
    assert b"/kept" in saved.getresponse().read()
    saved.close()
    ingress.mount(pki.Pair(ingress.certificate().certificate, ingress.certificate().key))
    assert view.find_mismatch(new) is None, "a certificate that is not the key's is not taken"
    assert "the last one is kept" in ingress.program.output()
    assert view.find_mismatch(ingress.mount(ingress.certificate())) is None


def test_strangers_are_not_trusted_and_errors_are_reported(ingress: Ingress) -> None:
    here = SimpleNamespace(endpoint_address="127.0.0.1", nodes=[])
    other = pki.new_authority("stranger").certificate
    stranger = IngressView(here, other, ingress.https)  # type: ignore[arg-type]
    assert "certificate verify failed" in str(stranger.find_mismatch(ingress.serial))
    with pytest.raises(ssl.SSLCertVerificationError):
        ingress.view.serials("127.0.0.1", "bank.example")
    assert ingress.view.get("127.0.0.1", "/x") == {"path": "/x", "host": HOST}
    ingress.kube.lists["ingresses"] = []
    until("the route to be gone", lambda: ingress.ask(ingress.http, "/")[0] == 404)
    with pytest.raises(StepFailed, match="answered 404 to /x"):
        ingress.view.get("127.0.0.1", "/x")


def test_orders_go_on_through_the_ingress_while_its_certificate_is_rotated(
    stack: Stack, ingress_controller: Path, tmp_path: Path
) -> None:
    result = Ingress(ingress_controller, tmp_path, stack.http_port)
    authority = result.authority.certificate
    plan = TrafficPlan(
        f"https://127.0.0.1:{result.https}",
        "rotated",
        20,
        5,
        new_connections=0.5,
        authority=authority,
    )
    try:
        with Traffic(plan, tmp_path / "ledger.jsonl", Timeouts()) as traffic:
            for _ in range(3):
                serial = result.mount(result.certificate())
                assert result.view.find_mismatch(serial) is None
                sustain_traffic(0.5, traffic.check)
            traffic.stop()
            ledger = traffic.read_back()
    finally:
        result.close()
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


def test_an_answer_may_begin_before_its_request_has_ended(ingress: Ingress) -> None:
    half = b"x" * 65536

    def early(handler: Backend) -> None:
        handler.send_response(202)
        handler.send_header("Content-Length", "6")
        handler.end_headers()
        handler.wfile.write(b"%6d" % len(handler.rfile.read(2 * len(half))))

    ingress.backend.RequestHandlerClass = type("Early", (Backend,), {"do_POST": early})
    saved = http.client.HTTPConnection("127.0.0.1", ingress.http, timeout=10)
    for _ in range(2):
        saved.putrequest("POST", "/orders")
        saved.putheader("Content-Length", str(2 * len(half)))
        saved.endheaders(half)
        response = saved.getresponse()
        saved.sock.sendall(half)
        assert (response.status, int(response.read())) == (202, 2 * len(half))
    saved.close()
