"""What clients of the order service see, on real servers."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import grpc
import jsonschema
import pytest
from orders_stack import APP, until
from ports import free_ports

from kubedrill.apps import wire

if TYPE_CHECKING:
    from orders_stack import Stack


pytestmark = pytest.mark.xdist_group("orders")  # one worker, so that servers are not started twice


def call(stack: Stack, method: str, request: dict[int, Any]) -> dict[int, Any]:
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        rpc = channel.unary_unary(
            method, request_serializer=wire.encode, response_deserializer=wire.decode
        )
        return dict(rpc(request, timeout=15))


def test_an_accepted_order_is_read_back_by_both_faces(stack: Stack) -> None:
    answer = stack.place("tea", key="k-1", quantity=3, reference="r-1")
    assert answer.status == 202
    receipt = answer.json
    assert answer.headers["Location"] == f"/orders/{receipt['id']}"
    assert answer.headers["Server-Pod"], "a load test tells by it when a new pod first served"
    assert not receipt["duplicate"]
    order = stack.stored(receipt["id"])
    assert {name: order[name] for name in ("id", "key", "item", "quantity", "reference")} == {
        "id": receipt["id"], "key": "k-1", "item": "tea", "quantity": 3, "reference": "r-1",
    }  # fmt: skip
    result = call(stack, "/kubedrill.orders.v1.Orders/GetOrder", {1: receipt["id"]})
    assert [result[n] for n in range(1, 8)] == [
        order[n] for n in ("id", "key", "item", "quantity", "reference", "position", "stored_at")
    ]


def test_a_grpc_order_is_read_back_over_http_and_as_a_list(stack: Stack) -> None:
    receipt = call(
        stack, "/kubedrill.orders.v1.Orders/PlaceOrder", {1: "g-1", 2: "ink", 3: 5, 4: "über"}
    )
    order = stack.stored(receipt[1])
    assert (order["item"], order["quantity"], order["reference"]) == ("ink", 5, "über")
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        rpc = channel.unary_stream(
            "/kubedrill.orders.v1.Orders/ListOrders", wire.encode, wire.decode
        )
        listed = list(rpc({1: order["position"] - 1, 2: 1}, timeout=15))
    assert [o[1] for o in listed] == [order["id"]]
    assert call(stack, "/grpc.health.v1.Health/Check", {}) == {1: 1}


def test_a_retried_write_lands_once(stack: Stack) -> None:
    first, second = stack.place("pen", key="twice"), stack.place("other", key="twice")
    assert (first.status, second.status) == (202, 202)
    assert second.json["duplicate"]
    assert first.json["id"] == second.json["id"]
    assert stack.stored(first.json["id"])["item"] == "pen", "the first one's contents count"
    assert [o["key"] for o in stack.every()].count("twice") == 1


def test_orders_without_a_key_are_orders_of_their_own(stack: Stack) -> None:
    assert stack.place("pin").json["id"] != stack.place("pin").json["id"]


def test_pages_are_in_the_order_of_storing_and_full_ones_come_from_the_cache(stack: Stack) -> None:
    for number in range(5):
        stack.stored(stack.place(f"page-{number}").json["id"])
    first = stack.ask("GET", "/orders?since=0&limit=3").json
    assert len(first["orders"]) == 3
    positions = [o["position"] for o in stack.every()]
    assert positions == sorted(set(positions))
    hits = stack.metric('orders_cache_total{kind="hit"}')

    def hit() -> bool:  # a crowded machine's cache may take longer than the 50 ms that it is given
        assert stack.ask("GET", "/orders?since=0&limit=3").json == first
        return stack.metric('orders_cache_total{kind="hit"}') > hits

    until("a full page to come from the cache", hit)
    assert stack.ask("GET", f"/orders?since={positions[-1]}").json == {
        "orders": [],
        "next": positions[-1],
    }


@pytest.mark.parametrize(
    ("body", "key", "expected"),
    [
        (b"{", "", ["body is not JSON"]),
        ([], "", ["expected an object"]),
        (
            {"quantity": 0, "colour": 1},
            "a b",
            ["key:", "item: missing", "quantity:", "colour: unknown"],
        ),
        ({"item": "x" * 129}, "", ["item: expected a text of 1 to 128"]),
        ({"item": "a\0b"}, "", ["item:"]),
        ({"item": "x", "quantity": True}, "", ["quantity:"]),
        ({"item": "x" * 5000}, "", ["Too Large"]),
    ],
)  # fmt: skip
def test_a_bad_order_is_refused_with_every_mistake(
    stack: Stack, body: Any, key: str, expected: list[str]
) -> None:
    answer = stack.ask("POST", "/orders", body, key)
    assert answer.status in (400, 413)
    assert [word for word in expected if word not in answer.json["error"]] == []


def test_bad_numbers_and_unknown_orders(stack: Stack) -> None:
    answer = stack.ask("GET", "/orders?since=-1&limit=501")
    assert answer.status == 400
    assert "since='-1'" in answer.json["error"]
    assert "limit='501'" in answer.json["error"]
    assert stack.ask("GET", "/orders/none").status == 404
    assert stack.ask("GET", "/orders/00000000-0000-0000-0000-000000000000").status == 404
    with pytest.raises(grpc.RpcError) as caught:
        call(stack, "/kubedrill.orders.v1.Orders/PlaceOrder", {1: "k"})
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_the_description_is_that_of_the_service(stack: Stack) -> None:
    described = stack.ask("GET", "/openapi.json").json
    schemas = {"$defs": described["components"]["schemas"]}

    def check(body: Any, schema: str) -> None:
        text = {**schemas, "$ref": f"#/$defs/{schema}"}
        jsonschema.validate(body, _local(text))

    receipt = stack.place("openapi", reference="r")
    check(receipt.json, "Receipt")
    check(stack.stored(receipt.json["id"]), "Order")
    check(stack.ask("GET", "/orders?limit=2").json, "Page")
    check(stack.ask("GET", "/").json, "Greeting")
    check(stack.place("").json, "Error")
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            status = stack.ask(
                method.upper(),
                path.replace("{id}", receipt.json["id"]),
                {"item": "x"} if method == "post" else None,
            ).status
            assert str(status) in operation["responses"], path
    assert stack.ask("GET", "/orders.proto").text == (APP / "orders.proto").read_text()


def _local(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            k: v.replace("#/components/schemas/", "#/$defs/") if k == "$ref" else _local(v)
            for k, v in schema.items()
        }
    return [_local(item) for item in schema] if isinstance(schema, list) else schema


def test_the_greeting_follows_the_config_map(stack: Stack) -> None:
    assert stack.ask("GET", "/").json == {
        "greeting": "Hello",
        "version": "v1",
        "pod": "web-1",
        "node": "w1",
    }
    new = stack.folder / "greeting.new"
    new.write_text("Servus\n")
    new.replace(stack.folder / "greeting")
    assert stack.ask("GET", "/").json["greeting"] == "Servus"


def test_migrating_again_changes_nothing(stack: Stack) -> None:
    before = stack.every()
    again = stack.programs.pop("migrate")
    again.stop()
    repeated = stack.app("migrate").start()
    assert repeated.process is not None
    assert repeated.process.wait(90) == 0, repeated.output()
    assert "the database is up to date" in "".join(repeated.output().splitlines()[-2:]), (
        repeated.output()
    )
    assert stack.every()[: len(before)] == before, (
        "an order that the queue still held may have been stored meanwhile"
    )


def test_every_mistake_of_the_settings_is_reported(stack: Stack) -> None:
    program = stack.app(
        "worker-misled", QUEUE_REPLICAS="9", NATS_URLS="", DATABASE="", HTTP_PORT="x"
    )
    program.argv[-1] = "worker"
    program.start()
    assert program.stop(0) == 2
    for word in (
        "QUEUE_REPLICAS='9'",
        "NATS_URLS is not set",
        "DATABASE is not set",
        "HTTP_PORT='x'",
    ):
        assert word in program.output()


def test_a_worker_without_a_queue_waits_for_it_alive_and_not_ready(stack: Stack) -> None:
    """Else its liveness probe kills it while a slow cluster brings the queue up."""
    nowhere, port = free_ports(2)
    program = stack.app(
        "worker-early", NATS_URLS=f"nats://127.0.0.1:{nowhere}", HTTP_PORT=str(port)
    )
    program.argv[-1] = "worker"
    program.start()
    until("the worker to answer", lambda: stack.ask("GET", "/healthz", port=port).status == 200)
    assert stack.ask("GET", "/readyz", port=port).status == 503
    assert program.stop(signal.SIGTERM) == 0
    assert "worker: storing" not in program.output()


def test_a_worker_that_is_asked_to_end_ends_well(stack: Stack) -> None:
    worker = stack.worker()
    until(
        "the worker to serve",
        lambda: stack.ask("GET", "/healthz", port=stack.worker_port).status == 200,
    )
    assert worker.stop(signal.SIGTERM) == 0
    assert worker.output().splitlines()[-1] == "worker: gone"
    accepted = stack.place("kept in the queue")
    assert accepted.status == 202
    assert stack.ask("GET", f"/orders/{accepted.json['id']}").status == 404
    worker.start()
    stack.stored(accepted.json["id"])
