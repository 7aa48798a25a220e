"""gRPC through the ingress: HTTP/2 over TLS in, without TLS to the pods.

Messages as they come; how a call ended.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from orders_ingress import Ingress

from kubedrill.apps import wire
from kubedrill.orders.ingress_view import trusting
from kubedrill.orders.manifests import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orders_stack import Stack


pytestmark = pytest.mark.xdist_group("orders")

ORDERS = "kubedrill.orders.v1.Orders"
PATIENCE_S = 60


class Calls:
    """A gRPC server whose calls show what passes.

    Headers, trailers, errors, and messages one by one.
    """

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self.next = threading.Semaphore(0)
        self.server = grpc.server(ThreadPoolExecutor(4))
        unary, stream, both = (
            grpc.unary_unary_rpc_method_handler,
            grpc.unary_stream_rpc_method_handler,
            grpc.stream_stream_rpc_method_handler,
        )
        methods = {
            "Say": unary(self.say),
            "Refuse": unary(self.refuse),
            "Count": stream(self.count),
            "Talk": both(self.talk),
        }
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(ORDERS, methods),)
        )
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def say(self, request: bytes, context: Any) -> bytes:
        self.seen = dict(context.invocation_metadata())
        context.send_initial_metadata([("said", "first")])
        context.set_trailing_metadata([("said", "last")])
        return request

    def refuse(self, _: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such örder")

    def count(self, _: bytes, context: Any) -> Iterator[bytes]:
        for number in (b"1", b"2"):
            yield number
            assert self.next.acquire(timeout=PATIENCE_S)
        context.abort(grpc.StatusCode.DATA_LOSS, "no more")

    def talk(self, requests: Iterator[bytes], _: Any) -> Iterator[bytes]:
        for request in requests:
            yield request.upper()


@pytest.fixture
def calls() -> Iterator[Calls]:
    result = Calls()
    yield result
    result.server.stop(None)


@pytest.fixture
def through(ingress_controller: Path, tmp_path: Path, calls: Calls) -> Iterator[Ingress]:
    result = Ingress(ingress_controller, tmp_path, grpc_port=calls.port)
    try:
        yield result
    finally:
        result.close()


@pytest.mark.parametrize("host", ["127.0.0.1", HOST])
def test_a_call_passes_with_its_headers_and_trailers(
    through: Ingress, calls: Calls, host: str
) -> None:
    with through.view.channel("127.0.0.1", host) as channel:
        answer, call = channel.unary_unary(f"/{ORDERS}/Say").with_call(
            b"x" * 300_000, timeout=PATIENCE_S, metadata=[("order", "tea")]
        )
    assert answer == b"x" * 300_000
    assert dict(call.initial_metadata())["said"] == "first"
    assert dict(call.trailing_metadata())["said"] == "last"
    assert call.code() is grpc.StatusCode.OK
    assert calls.seen["order"] == "tea"


def test_a_refusal_passes_with_its_reason_also_before_any_message(through: Ingress) -> None:
    with through.view.channel("127.0.0.1") as channel:
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(f"/{ORDERS}/Refuse")(b"", timeout=PATIENCE_S)
            assert (caught.value.code(), caught.value.details()) == (
                grpc.StatusCode.NOT_FOUND,
                "no such örder",
            )


def test_messages_come_one_by_one_and_a_stream_that_breaks_says_why(
    through: Ingress, calls: Calls
) -> None:
    with through.view.channel("127.0.0.1") as channel:
        result = channel.unary_stream(f"/{ORDERS}/Count")(b"", timeout=PATIENCE_S)
        for number in (
            b"1",
            b"2",
        ):  # the server sends the next, and its end, only when it is told that this one came
            assert next(result) == number
            calls.next.release()
        with pytest.raises(grpc.RpcError) as caught:
            next(result)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.DATA_LOSS, "no more")


def test_both_sides_talk_at_once(through: Ingress) -> None:
    answered = threading.Semaphore(1)

    def words() -> Iterator[bytes]:
        for word in (b"tea", b"ink", b"pin"):
            assert answered.acquire(timeout=PATIENCE_S)
            yield word

    with through.view.channel("127.0.0.1") as channel:
        heard = []
        for word in channel.stream_stream(f"/{ORDERS}/Talk")(words(), timeout=PATIENCE_S):
            heard.append(word)
            answered.release()
    assert heard == [b"TEA", b"INK", b"PIN"]


def test_a_path_that_no_rule_has_and_pods_that_are_gone_are_errors(
    through: Ingress, calls: Calls
) -> None:
    calls.server.stop(None).wait()
    with through.view.channel("127.0.0.1") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{ORDERS}/Say")(b"", timeout=PATIENCE_S)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with through.view.channel("127.0.0.1") as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/other.Service/Say")(b"", timeout=PATIENCE_S)


def test_tls_offers_http_2_beside_http_1(through: Ingress) -> None:
    for offered in ("h2", "http/1.1"):
        context = trusting(through.authority.certificate)
        context.set_alpn_protocols([offered])
        plain = socket.create_connection(("127.0.0.1", through.https), PATIENCE_S)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            assert connection.selected_alpn_protocol() == offered


def test_an_order_that_came_by_grpc_through_the_ingress_is_stored(
    stack: Stack, ingress_controller: Path, tmp_path: Path
) -> None:
    result = Ingress(ingress_controller, tmp_path, stack.http_port, stack.grpc_port)
    try:
        with result.view.channel("127.0.0.1") as channel:
            place = channel.unary_unary(f"/{ORDERS}/PlaceOrder", wire.encode, wire.decode)
            receipt = place({1: "through-ingress", 2: "tea"}, timeout=PATIENCE_S)
            order = stack.stored(str(receipt[1]))
            listed = channel.unary_stream(f"/{ORDERS}/ListOrders", wire.encode, wire.decode)
            found_orders = list(listed({1: order["position"] - 1}, timeout=PATIENCE_S))
            health = channel.unary_unary("/grpc.health.v1.Health/Check", wire.encode, wire.decode)
            assert health({}, timeout=PATIENCE_S) == {1: 1}
    finally:
        result.close()
    assert order["key"] == "through-ingress"
    assert [one[2] for one in found_orders] == ["through-ingress"]
