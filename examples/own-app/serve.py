"""Both parts of the example shop, by ROLE.

The catalog lists what there is, the shopfront shows it to customers.

A catalog that does not answer makes the shopfront's answers old, and fails none of them. On SIGTERM
a part goes on serving for DRAIN_SECONDS and sends its clients away with their answers ("Connection:
close"), then ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CATALOG_TIMEOUT_S = 0.5  # less than a customer waits
STOCK = ["apples", "bread", "cheese"]
draining = asyncio.Event()
seen: list[str] = []  # the shopfront's last answer of the catalog


@web.middleware
async def leave_in_order(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer, and close the connection afterwards when this pod is about to go."""
    response = await handler(request)
    if draining.is_set():
        response.headers["Connection"] = "close"
        response.force_close()
    return response


async def catalog(_request: web.Request) -> web.Response:
    """What there is."""
    return web.json_response(STOCK)


async def shopfront(request: web.Request) -> web.Response:
    """What the catalog says, or said last; 503 before it has ever answered."""
    timeout = aiohttp.ClientTimeout(total=CATALOG_TIMEOUT_S)
    try:
        async with request.app[SESSION].get(os.environ["CATALOG_URL"], timeout=timeout) as answer:
            seen[:] = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        if not seen:
            return web.Response(status=503, text="the catalog has not answered yet\n")
    return web.json_response({"shop": os.environ.get("HOSTNAME", ""), "goods": seen})


async def ready(_request: web.Request) -> web.Response:
    """Whether customers may be sent here."""
    return web.Response(status=503 if draining.is_set() else 200)


SESSION = web.AppKey("session", aiohttp.ClientSession)


async def main() -> None:
    """Serve until SIGTERM, then drain."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, draining.set)
    app = web.Application(middlewares=[leave_in_order])
    handler = {"catalog": catalog, "shopfront": shopfront}[os.environ["ROLE"]]
    app.add_routes([web.get("/", handler), web.get("/ready", ready)])
    async with aiohttp.ClientSession() as session:
        app[SESSION] = session
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(
            runner,
            os.environ.get("LISTEN", "0.0.0.0"),  # noqa: S104
            int(os.environ["PORT"]),
        ).start()
        print(f"{os.environ['ROLE']} on {os.environ['PORT']}", flush=True)
        await draining.wait()
        await asyncio.sleep(float(os.environ.get("DRAIN_SECONDS", "5")))
        await runner.cleanup()


asyncio.run(main())
