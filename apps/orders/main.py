"""The order service's three programs: ``main.py web``, ``main.py worker``, ``main.py migrate``.

SIGTERM → web: readiness off, keep-alive connections told to close; DRAIN_SECONDS later the
listeners close, what is in flight is finished, exit 0. worker: the batch in hand is stored and
acknowledged, exit 0.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, TypeVar

import nats.errors
import nats.js.errors
import psycopg
from aiohttp import web as http
from broker import Broker
from cache import Cache
from migration import migrate
from pod import Identity, WatchedFile, log
from rpc import make_server
from service import Service
from serving import Listen, serve, set_on_signal, start
from settings import Settings, read_settings
from store import Store
from web import make_app
from worker import Worker
from worker import make_app as make_worker_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Errors = type[Exception] | tuple[type[Exception], ...]

T = TypeVar("T")
FINISH_SECONDS = 10.0
"""Longer than the queue's WRITE_S: a write that waits for its acknowledgement gets it."""
RETRIES = 240
RETRY_S = 0.5


async def serve_web(settings: Settings) -> None:
    """Serve HTTP and gRPC until SIGTERM or SIGINT, then drain."""
    store, cache = Store(settings), Cache(settings)
    service = Service(
        Identity.from_environment(), WatchedFile(settings.greeting_file), store, cache
    )
    set_on_signal(service.draining)
    await store.open()
    listen = Listen(
        settings.listen,
        settings.http_port,
        settings.grpc_port,
        settings.drain_seconds,
        FINISH_SECONDS,
    )
    async with serve("orders", service, make_app(service), make_server(service), listen):
        connecting = asyncio.create_task(_connect(service, settings))
    connecting.cancel()
    if service.broker is not None:
        await service.broker.close()
    await cache.close()
    await store.close()
    log("orders: gone")


async def _connect(service: Service, settings: Settings) -> None:
    service.broker = await Broker.connect(settings, f"web {service.identity.pod}")
    log("orders: the queue answers")


async def serve_worker(settings: Settings) -> None:
    """Store orders until SIGTERM or SIGINT."""
    store = Store(settings, size=2)
    await store.open()
    worker = Worker(store)
    set_on_signal(worker.stopping)
    runner = http.AppRunner(make_worker_app(worker), access_log=None)
    port = await start(runner, settings.listen, settings.http_port)
    log(f"worker: HTTP on {port}")
    connecting = asyncio.create_task(Broker.connect(settings, "worker"))
    stopping = asyncio.create_task(worker.stopping.wait())
    await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if connecting.done():
        log("worker: storing")
        await worker.run(broker := connecting.result())
        await broker.close()
    connecting.cancel()
    await runner.cleanup()
    await store.close()
    log("worker: gone")


async def run_migration(settings: Settings) -> None:
    """Bring database and queue to this version's form, side by side.

    Either may still be on its way up.
    """
    await asyncio.gather(_migrate_database(settings), _migrate_queue(settings))


async def _migrate_database(settings: Settings) -> None:
    try:
        done = await _retry(
            lambda: migrate(settings), psycopg.OperationalError, "the database does not answer"
        )
    except TimeoutError as error:
        log(f"migrate: {error}")
        raise SystemExit(1) from error
    log(f"migrate: {', '.join(done) or 'the database is up to date'}")


async def _migrate_queue(settings: Settings) -> None:
    broker = await Broker.connect(settings, "migrate")
    errors = (nats.errors.Error, nats.js.errors.Error, TimeoutError)
    await _retry(lambda: broker.ensure(settings.replicas), errors, "the queue is not complete yet")
    await broker.close()
    log(f"migrate: the queue has its stream, {settings.replicas} copies")


async def _retry(call: Callable[[], Awaitable[T]], errors: Errors, meaning: str) -> T:
    """Call until there is no error of those; exit 1 after RETRIES."""
    attempts = 0
    while True:
        try:
            return await call()
        except errors as error:
            log(f"migrate: {meaning}: {str(error).strip() or repr(error)}")
            attempts += 1
            if attempts == RETRIES:
                raise SystemExit(1) from error
            await asyncio.sleep(RETRY_S)


PROGRAMS = {"web": serve_web, "worker": serve_worker, "migrate": run_migration}


def main() -> None:
    """Run the program that the first argument names."""
    if len(sys.argv) != 2 or sys.argv[1] not in PROGRAMS:
        sys.stderr.write(f"usage: main.py {'|'.join(PROGRAMS)}\n")
        raise SystemExit(2)
    asyncio.run(PROGRAMS[sys.argv[1]](read_settings()))


if __name__ == "__main__":
    main()
