"""What is served over HTTP and gRPC.

Place an order, read orders back, say whether traffic is welcome.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import psycopg
import serving
from broker import Broker, Receipt, Refused
from order import StoredOrder
from store import MAX_PAGE

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cache import Cache
    from order import Order
    from store import Store

T = TypeVar("T")
READ_S = 4.0
"""Seconds until a read is given up: a primary that hangs is noticed by then, and the client may ask
again."""


class Unavailable(Exception):
    """The database does not answer now; nothing was changed."""


@dataclass
class Service(serving.Service):
    """One running web process.

    ``broker`` is None until the queue was reached for the first time.
    """

    store: Store
    cache: Cache
    broker: Broker | None = None

    def problem(self) -> str:
        """Say why this pod should get no traffic, or nothing.

        A queue or a database that went down later is not a reason: all pods would leave the Service
        at once, and what still works (reads without the queue, writes without the database) would
        be gone too.
        """
        return super().problem() or ("" if self.broker else "the queue was not reached yet")

    async def place(self, order: Order) -> Receipt:
        """Write an order to the queue; returns when it is durable there.

        Raises:
            Refused: it is not written.
            Unknown: it may be.
        """
        if self.broker is None:
            raise Refused("the queue was not reached yet")
        return await self.broker.publish(order)

    async def find(self, order_id: str) -> StoredOrder | None:
        """Return an order; None while it is not stored, or where there is no such one.

        Raises:
            Unavailable: the database does not answer.
        """
        try:
            name = f"order:{uuid.UUID(order_id)}"
        except ValueError:
            return None
        known = await self.cache.get(name)
        if known is not None:
            return StoredOrder(**known)
        order = await self._database(self.store.find(order_id))
        if order is not None:
            await self.cache.put(name, order.as_json())
        return order

    async def page(self, since: int, limit: int) -> list[StoredOrder]:
        """Return up to ``limit`` orders after a position. A full page never changes, so it is kept.

        Raises:
            Unavailable: the database does not answer.
        """
        limit = min(limit, MAX_PAGE)
        name = f"page:{since}:{limit}"
        known = await self.cache.get(name)
        if known is not None:
            return [StoredOrder(**order) for order in known]
        orders = await self._database(self.store.page(since, limit))
        if len(orders) == limit:
            await self.cache.put(name, [order.as_json() for order in orders])
        return orders

    async def _database(self, question: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(question, READ_S)
        except TimeoutError as error:
            raise Unavailable(f"the database did not answer within {READ_S:g} s") from error
        except psycopg.Error as error:
            raise Unavailable(f"the database does not answer: {type(error).__name__}") from error
