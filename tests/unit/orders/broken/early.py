"""A broken order service: it acknowledges a write before the queue has.

Run like apps/orders/main.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import main
from broker import Broker, Receipt, Refused, Unknown

if TYPE_CHECKING:
    from order import Order

_attempt = Broker._attempt
_tasks: set[asyncio.Task[None]] = set()


async def _later(broker: Broker, order: Order) -> None:
    with contextlib.suppress(Refused, Unknown):
        await _attempt(broker, order)


async def _publish(broker: Broker, order: Order) -> Receipt:
    task = asyncio.create_task(_later(broker, order))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return Receipt(0, False)


Broker.publish = _publish  # type: ignore[method-assign]
main.main()
