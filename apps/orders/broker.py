"""The queue: a JetStream stream, on a majority's disks before a write is acknowledged."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nats
import nats.errors
import nats.js.errors
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from pod import log
from settings import login

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from order import Order
    from settings import Settings

STREAM = "ORDERS"
SUBJECT = "orders.new"
CONSUMER = "store"
ACK_S = 2.0
"""Seconds that one attempt waits for the queue's word."""
WRITE_S = 8.0
"""Seconds for all attempts at one write: a new leader of the stream takes 1-5 s. All have one key,
so it lands once."""
PAUSE_S = 0.1
RECONNECT_S = 0.25
MAX_BYTES = 256 * 1024 * 1024
"""Of the stream: a million orders. A full queue refuses writes (discard new) and drops nothing that
it acknowledged."""
DUPLICATES_S = 120.0
"""NATS' own default: how long it knows an idempotency key. Later repeats are stopped by the
database's unique key."""
REDELIVER_S = 15.0
"""A worker that has an order and says nothing for so long is taken for dead: others get it."""


class Refused(Exception):
    """The queue did not take the order: it was certainly not written.

    ``final``: nor would it if asked again now.
    """

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Unknown(Exception):
    """Nobody said whether the queue took the order: it may be there or not.

    Repeat it with the same key.
    """


@dataclass(frozen=True)
class Receipt:
    """The queue's word that a majority of its servers holds the order.

    ``duplicate``: it was there already.
    """

    sequence: int
    duplicate: bool


class Broker:
    """A connection that is made again by itself, to any server that answers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stream: JetStreamContext = client.jetstream(timeout=ACK_S)

    @classmethod
    async def connect(cls, settings: Settings, name: str) -> Broker:
        """Connect, however long it takes: a queue that is not up yet is no reason to crash."""

        async def lost(error: Exception) -> None:
            log(f"queue: {error!r}")

        client = await nats.connect(
            list(settings.nats_urls),
            name=name,
            **_credentials(settings.nats_login_file),
            error_cb=lost,
            connect_timeout=2,
            reconnect_time_wait=RECONNECT_S,
            max_reconnect_attempts=-1,
            ping_interval=5,
            max_outstanding_pings=2,
            # nothing is held back for later: a write that waits in here is not written
            pending_size=0,
        )
        return cls(client)

    @property
    def connected(self) -> bool:
        """Whether a server holds the other end."""
        return bool(self._client.is_connected)

    async def publish(self, order: Order) -> Receipt:
        """Write an order and wait for the queue's word; asks again while the queue elects a leader.

        Raises:
            Refused: it is not written.
            Unknown: it may be: no attempt was acknowledged, and not all were refused.
        """
        deadline = time.monotonic() + WRITE_S - ACK_S
        worst: Refused | Unknown | None = None
        while True:
            try:
                return await self._attempt(order)
            except (Refused, Unknown) as error:
                worst = worst if isinstance(worst, Unknown) else error
                if time.monotonic() > deadline or (isinstance(error, Refused) and error.final):
                    raise worst from error
            await asyncio.sleep(PAUSE_S)

    async def _attempt(self, order: Order) -> Receipt:
        if not self.connected:
            raise Refused("no server of the queue answers")
        try:
            ack = await self._stream.publish(
                SUBJECT,
                order.encode(),
                timeout=ACK_S,
                stream=STREAM,
                headers={"Nats-Msg-Id": order.key},
            )
        except nats.js.errors.NoStreamResponseError as error:
            raise Refused("the queue has no leader or no stream") from error
        except nats.js.errors.APIError as error:
            raise _judge(error) from error
        except (
            nats.errors.OutboundBufferLimitError,
            nats.errors.ConnectionReconnectingError,
        ) as error:
            raise Refused("the connection to the queue is being made again") from error
        except (nats.errors.Error, TimeoutError, OSError, ValueError) as error:
            raise Unknown(f"the queue gave no answer: {error!r}") from error
        return Receipt(ack.seq, bool(ack.duplicate))

    async def ensure(self, replicas: int) -> None:
        """Make the stream and the workers' consumer, or bring them to this form.

        Repeating it changes nothing.
        """
        stream = StreamConfig(
            name=STREAM,
            subjects=[SUBJECT],
            storage=StorageType.FILE,
            num_replicas=replicas,
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_bytes=MAX_BYTES,
            duplicate_window=DUPLICATES_S,
        )
        try:
            await self._stream.update_stream(stream)
        except nats.js.errors.NotFoundError:
            await self._stream.add_stream(stream)
        await self._stream.add_consumer(
            STREAM,
            ConsumerConfig(
                durable_name=CONSUMER,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=REDELIVER_S,
                max_ack_pending=1000,
                num_replicas=replicas,
            ),
        )

    async def subscription(self) -> JetStreamContext.PullSubscription:
        """Return the workers' common subscription."""
        return await self._stream.pull_subscribe_bind(consumer=CONSUMER, stream=STREAM)

    async def close(self) -> None:
        """Send what is left (acknowledgements) and hang up."""
        try:
            await asyncio.wait_for(self._client.flush(timeout=2), 3)
        except (nats.errors.Error, TimeoutError, OSError):
            log(
                "queue: gone before the last acknowledgements; those orders come again and are "
                "recognised"
            )
        await self._client.close()


def _credentials(path: Path) -> dict[str, Callable[[], str]]:
    """Return what the client asks at each connection it makes.

    The login may have been rotated since the last one.
    """
    if not login(path):
        return {}
    return {"user": lambda: login(path)["user"], "password": lambda: login(path)["password"]}


def _judge(error: nats.js.errors.APIError) -> Refused | Unknown:
    """Tell a refusal from a doubt.

    10158 is "the same key is being written right now", 10008/10009 a lost leader.
    """
    reason = f"the queue says {error.code}/{error.err_code} {error.description}"
    return (
        Unknown(reason) if error.err_code in (10008, 10009, 10158) else Refused(reason, final=True)
    )
