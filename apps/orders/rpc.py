"""The gRPC face, port 9090: orders.proto, and grpc.health.v1.Health/Check.

Messages are put together by wire.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import wire
from broker import Refused, Unknown
from order import BadOrder, StoredOrder, make_order, new_key
from service import Service, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ORDERS = "kubedrill.orders.v1.Orders"
HEALTH = "grpc.health.v1.Health"
SERVING, NOT_SERVING = 1, 2  # grpc.health.v1.HealthCheckResponse.ServingStatus
DEFAULT_PAGE = 100
Message = dict[int, Any]


class OrdersService:
    """Implements orders.proto."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def place(self, request: Message, context: Any) -> Message:
        """Answer once the queue holds the order."""
        body = {
            "item": request.get(2),
            "quantity": request.get(3, 1),
            "reference": request.get(4, ""),
        }
        try:
            order = make_order(request.get(1) or new_key(), body)
            receipt = await self._service.place(order)
        except BadOrder as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Refused as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"not written: {error}")
        except Unknown as error:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, f"written or not: {error}")
        self._service.count("grpc_placed")
        return {1: order.id, 2: order.key, 3: receipt.sequence, 4: int(receipt.duplicate)}

    async def find(self, request: Message, context: Any) -> Message:
        """Answer with one order."""
        try:
            found = await self._service.find(str(request.get(1, "")))
        except Unavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        if found is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such order is stored")
        return _message(found)

    async def list(self, request: Message, context: Any) -> AsyncIterator[Message]:
        """Send a page of orders one by one."""
        try:
            page = await self._service.page(
                int(request.get(1, 0)), int(request.get(2, 0)) or DEFAULT_PAGE
            )
        except Unavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        for order in page:
            yield _message(order)


class HealthService:
    """Implements grpc.health.v1.Health/Check."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def check(self, request: Message, context: Any) -> Message:
        """Answer SERVING or NOT_SERVING; NOT_FOUND for a service that is not ours."""
        if request.get(1, "") not in ("", ORDERS):
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return {1: NOT_SERVING if self._service.problem() else SERVING}


def make_server(service: Service) -> grpc.aio.Server:
    """Build the server with both services; the caller adds a port and starts it."""
    server = grpc.aio.server()
    orders, health = OrdersService(service), HealthService(service)
    codec = {"request_deserializer": wire.decode, "response_serializer": wire.encode}
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    methods = {
        "PlaceOrder": unary(orders.place, **codec),
        "GetOrder": unary(orders.find, **codec),
        "ListOrders": stream(orders.list, **codec),
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(ORDERS, methods),
            grpc.method_handlers_generic_handler(HEALTH, {"Check": unary(health.check, **codec)}),
        )
    )
    return server


def _message(order: StoredOrder) -> Message:
    values = (
        order.id,
        order.key,
        order.item,
        order.quantity,
        order.reference,
        order.position,
        order.stored_at,
    )
    return dict(enumerate(values, start=1))
