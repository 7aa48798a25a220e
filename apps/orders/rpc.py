"""The gRPC service, port 9090: orders.proto, and grpc.health.v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import serving
from broker import Refused, Unknown
from order import BadOrder, StoredOrder, make_order, new_key
from service import Service, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving import Message

ORDERS = "kubedrill.orders.v1.Orders"
DEFAULT_PAGE = 100


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
        self._service.answers["grpc_placed"] += 1
        return {1: order.id, 2: order.key, 3: receipt.sequence, 4: int(receipt.duplicate)}

    async def find(self, request: Message, context: Any) -> Message:
        """Answer with one order."""
        try:
            order = await self._service.find(str(request.get(1, "")))
        except Unavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        if order is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such order is stored")
        return _message(order)

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


def make_server(service: Service) -> grpc.aio.Server:
    """Build the server; the caller adds a port and starts it."""
    orders = OrdersService(service)
    return serving.make_server(
        service,
        ORDERS,
        {"PlaceOrder": orders.place, "GetOrder": orders.find},
        {"ListOrders": orders.list},
    )


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
