"""A worker takes orders from the queue and stores them.

It acknowledges one only when it is durable in the database.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors
import psycopg
from aiohttp import web
from order import BadOrder, Order
from pod import log
from serving import add_probes

if TYPE_CHECKING:
    from broker import Broker
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext
    from store import Store

BATCH = 50
IDLE_S = 1.0
"""Seconds that an empty queue is listened to before the worker looks whether it should end."""
BACK_OFF_S = 0.5
STALE_S = 60.0
"""Seconds without a turn of the loop after which the worker counts as stuck; a turn takes 20 s at
most."""
SAVE_S = 8.0
"""Seconds for one transaction: under the queue's REDELIVER_S, so that nobody else has the orders
meanwhile."""


@dataclass
class Worker:
    """The loop, and what its probes say of it.

    ``working`` is False until the queue was reached for the first time.
    """

    store: Store
    working: bool = False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stored: int = 0
    retries: int = 0
    unreadable: int = 0
    last_turn: float = field(default_factory=time.monotonic)

    async def run(self, broker: Broker) -> None:
        """Work until asked to stop; a batch that was begun is finished."""
        subscription = None
        self.working = True
        while not self.stopping.is_set():
            self.last_turn = time.monotonic()
            try:
                subscription = subscription or await broker.subscription()
                messages = await self._take(subscription)
                if messages:
                    await self._store(messages)
            except (
                nats.errors.Error,
                nats.js.errors.Error,
                psycopg.Error,
                TimeoutError,
                OSError,
            ) as error:
                self.retries += 1
                log(
                    f"worker: {type(error).__name__}: {str(error).strip()}; once more in "
                    f"{BACK_OFF_S:g} s"
                )
                await asyncio.sleep(BACK_OFF_S)

    async def _take(self, subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        try:
            return list(await subscription.fetch(BATCH, timeout=IDLE_S))
        except TimeoutError:  # nats.errors.TimeoutError is one: nothing came
            return []

    async def _store(self, messages: list[Msg]) -> None:
        orders, unreadable = [], []
        for message in messages:
            try:
                orders.append(Order.decode(message.data))
            except BadOrder as error:
                unreadable.append((message.metadata.sequence.stream, message.data, str(error)))
        try:
            await asyncio.wait_for(self.store.save(orders, unreadable), SAVE_S)
        except (psycopg.Error, TimeoutError):
            for message in messages:
                await message.nak(delay=BACK_OFF_S)
            raise
        for message in messages:
            await message.ack()
        self.stored += len(orders)
        self.unreadable += len(unreadable)

    def problem(self) -> str:
        """Say why this worker should be restarted, or nothing.

        A queue that is not up yet is no reason.
        """
        silent = time.monotonic() - self.last_turn
        return (
            f"no turn of the loop for {silent:.0f} s" if self.working and silent > STALE_S else ""
        )


def make_app(worker: Worker) -> web.Application:
    """Build what the worker's probes ask: /healthz, /readyz and /metrics."""
    app = web.Application()
    add_probes(
        app,
        lambda: {
            "orders_stored_total": worker.stored,
            "orders_retries_total": worker.retries,
            "orders_unreadable_total": worker.unreadable,
        },
        ready=lambda: worker.problem() if worker.working else "the queue was not reached yet",
        alive=worker.problem,
    )
    return app
