"""The traffic generator: ``python -m kubedrill.orders.traffic_process LEDGER PLAN_AS_JSON``.

Open loop: a write is sent on its tick whether or not earlier ones came back. Each is in the ledger
before it is sent. It prints ``ready`` and goes on until its stdin ends (its harness asked it to
stop, or died), then waits for what is in flight.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zlib import crc32

import aiohttp

from kubedrill.orders.ingress_view import trusting
from kubedrill.orders.ledger import ACKNOWLEDGED, REFUSED, UNKNOWN, WRONG_ANSWER
from kubedrill.orders.ledger_file import LedgerWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_IN_FLIGHT = 2000
"""Writes that may wait for their answer at a time; what is due beyond that counts as skipped, which
is missing data."""
PAGE = 500
FOLLOW_S = 0.5
"""Seconds between two looks at the end of the list; how late an order was seen is known no finer
than that."""
PAUSE_S = 0.2
"""Seconds before a write whose fate is unknown is repeated, with its key."""

_ANY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class TrafficPlan:
    """What traffic to make. ``url`` is the service's base; ``run`` begins each key."""

    url: str
    run: str
    writes_per_s: float = 50.0
    reads_per_s: float = 10.0
    new_connections: float = 0.2
    """Share of requests that open a new connection."""
    repeated: float = 0.05
    """Share of writes that are sent twice at once with one key, as a client does that lost
    patience."""
    retries: int = 1
    """How often a write whose fate is unknown is repeated."""
    timeout_s: float = 10.0
    """For one answer: longer than the service itself waits for its queue (8 s)."""
    since: int = 0
    """Position after which the follower begins."""
    seed: int = 1
    authority: str = ""
    """Certificate (PEM) of whoever signs the service's, for an https URL."""

    def as_json(self) -> str:
        """Return the form that the process takes."""
        return json.dumps(asdict(self))


class Generator:
    """Fires writes and reads, and follows the list."""

    def __init__(self, plan: TrafficPlan, ledger: LedgerWriter) -> None:
        self._plan, self._ledger = plan, ledger
        self._random = random.Random(plan.seed)  # noqa: S311 - a recorded seed, no secret
        self._stop = asyncio.Event()
        self._flying: set[asyncio.Task[None]] = set()
        self._known: list[tuple[str, str]] = []  # identifier and key of what was acknowledged
        self._skipped = 0

    async def run(self) -> None:
        """Go on until stdin ends."""
        async with (
            self._session(force_close=False) as reused,
            self._session(force_close=True) as closing,
        ):
            self._sessions = (reused, closing)
            loops = [
                asyncio.create_task(self._each(self._plan.writes_per_s, self._write)),
                asyncio.create_task(self._each(self._plan.reads_per_s, self._read)),
                asyncio.create_task(self._follow(reused)),
            ]
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)
            self._stop.set()
            await asyncio.gather(*loops)
            await asyncio.gather(*self._flying)
        if self._skipped:
            self._ledger.add("skipped", self._skipped)

    def _session(self, *, force_close: bool) -> aiohttp.ClientSession:
        trust = trusting(self._plan.authority) if self._plan.authority else True
        connector = aiohttp.TCPConnector(limit=0, force_close=force_close, ssl=trust)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._plan.timeout_s),
            raise_for_status=False,
        )

    def _pick(self) -> aiohttp.ClientSession:
        return self._sessions[self._random.random() < self._plan.new_connections]

    async def _each(self, rate: float, fire: Any) -> None:
        """Call ``fire(number, due)`` at a rate, in ticks that do not drift.

        A missed tick is made up for at once.
        """
        if rate <= 0:
            return
        begun, number = time.monotonic_ns(), 0
        while not self._stop.is_set():
            due = begun + int(number * 1e9 / rate)
            ahead = (due - time.monotonic_ns()) / 1e9
            if ahead > 0 and await self._stopped_within(ahead):
                return
            if len(self._flying) >= MAX_IN_FLIGHT:
                self._skipped += 1
            else:
                task = asyncio.create_task(fire(number, due))
                self._flying.add(task)
                task.add_done_callback(self._flying.discard)
            number += 1

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _write(self, number: int, due: int) -> None:
        key = f"{self._plan.run}-{number}"
        self._ledger.add("intent", key, due, time.monotonic_ns())
        twice = self._random.random() < self._plan.repeated
        outcomes = await asyncio.gather(*(self._attempt(key) for _ in range(2 if twice else 1)))
        for _ in range(self._plan.retries):
            if ACKNOWLEDGED in outcomes or UNKNOWN not in outcomes:
                return
            await asyncio.sleep(PAUSE_S)
            outcomes = [await self._attempt(key)]

    async def _attempt(self, key: str) -> str:
        body = content_of(key)
        headers = {"Idempotency-Key": key}
        outcome, detail, server = UNKNOWN, "", ""
        try:
            async with self._pick().post(
                f"{self._plan.url}/orders", json=body, headers=headers
            ) as response:
                detail, server = f"http-{response.status}", response.headers.get("Server-Pod", "")
                answer = await response.json()
                outcome = _outcome(response.status, answer)
        except aiohttp.ClientConnectorError as error:  # no connection: nothing was sent
            outcome, detail = REFUSED, type(error).__name__
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            detail = f"{detail} {_named(error)}".strip()
        self._ledger.add("answer", key, outcome, time.monotonic_ns(), detail, server)
        if outcome == ACKNOWLEDGED:
            self._known.append((answer["id"], key))
        return outcome

    async def _read(self, _number: int, _due: int) -> None:
        if not self._known:
            return
        order_id, key = self._random.choice(self._known)
        try:
            async with self._pick().get(f"{self._plan.url}/orders/{order_id}") as response:
                body = await response.read()
                read = _read_outcome(body, order_id, content_of(key))
                outcome = {200: read, 404: "missing"}.get(
                    response.status, f"http-{response.status}"
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            outcome = type(error).__name__
        self._ledger.add("read", outcome)

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        since = self._plan.since
        while not await self._stopped_within(FOLLOW_S):
            try:
                async with session.get(
                    f"{self._plan.url}/orders?since={since}&limit={PAGE}"
                ) as response:
                    if response.status != 200:
                        continue
                    page = await response.json()
                    references, since = read_page(page)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                continue
            keys = [key for key in references if key.startswith(f"{self._plan.run}-")]
            if keys:
                self._ledger.add("seen", keys, time.monotonic_ns())
            for _ in find_altered(page, self._plan.run):
                self._ledger.add("read", WRONG_ANSWER)


def content_of(key: str) -> dict[str, Any]:
    """Return what is ordered under a key: each order is another one, and can be told again.

    >>> content_of("run-1")
    {'item': 'drill', 'quantity': 33, 'reference': 'run-1'}
    """
    return {"item": "drill", "quantity": 1 + crc32(key.encode()) % 99, "reference": key}


def find_altered(page: Any, run: str) -> list[str]:
    """Return the references of a run's orders on a page that are not as they were sent.

    >>> sent = content_of("a-1")
    >>> find_altered({"orders": [sent, {**sent, "quantity": 0}, {"reference": "b-1"}]}, "a")
    ['a-1']
    """
    orders = [order for order in page["orders"] if order["reference"].startswith(f"{run}-")]
    return [
        order["reference"]
        for order in orders
        if not order.items() >= content_of(order["reference"]).items()
    ]


def read_page(page: Any) -> tuple[list[str], int]:
    """Return the references on a page of orders, and the position after which the next begins.

    >>> read_page({"orders": [{"reference": "a-1"}], "next": 7})
    (['a-1'], 7)

    Raises ValueError for what is no page, whatever the status said.
    """
    try:
        references, position = [order["reference"] for order in page["orders"]], page["next"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"found {page!r:.80}, expected a page of orders") from error
    if type(position) is not int or any(type(reference) is not str for reference in references):
        raise ValueError(f"found {page!r:.80}, expected a page of orders")
    return references, position


def _read_outcome(body: bytes, order_id: str, content: Mapping[str, Any] = _ANY) -> str:
    """Judge the body of a 200: it is the order that was asked for, as it was sent, or it is wrong.

    >>> _read_outcome(b'{"id": "x"}', "x"), _read_outcome(b'{"error": "database"}', "x")
    ('ok', 'wrong-answer')
    >>> _read_outcome(b"<html>", "x"), _read_outcome(b'{"id": "y"}', "x")
    ('wrong-answer', 'wrong-answer')
    >>> _read_outcome(b'{"id": "x", "quantity": 2}', "x", {"quantity": 3})
    'wrong-answer'
    """
    try:
        answer = json.loads(body)
    except ValueError:
        return WRONG_ANSWER
    is_order = isinstance(answer, dict) and answer.items() >= {"id": order_id, **content}.items()
    return "ok" if is_order else WRONG_ANSWER


def _named(error: BaseException) -> str:
    """The error's class and that of its cause.

    Messages differ from one to the next, and failures are counted by this.

    >>> _named(ValueError("x"))
    'ValueError'
    """
    cause = error.__cause__ or error.__context__
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")


def _outcome(status: int, answer: Any) -> str:
    """Judge an answer as docs/explanation/order-service.md defines it.

    What is not refused in so many words is unknown.

    >>> _outcome(202, {"id": "x"}), _outcome(503, {"outcome": "refused"})
    ('acknowledged', 'refused')
    >>> _outcome(503, {}), _outcome(400, {})
    ('unknown', 'refused')
    """
    if status == 202 and isinstance(answer, dict) and "id" in answer:
        return ACKNOWLEDGED
    if 400 <= status < 500 or (isinstance(answer, dict) and answer.get("outcome") == REFUSED):
        return REFUSED
    return UNKNOWN


def main() -> None:
    """Make the traffic that the arguments describe."""
    with LedgerWriter(Path(sys.argv[1])) as ledger:
        asyncio.run(Generator(TrafficPlan(**json.loads(sys.argv[2])), ledger).run())


if __name__ == "__main__":
    main()
