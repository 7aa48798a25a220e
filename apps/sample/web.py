"""HTTP, port 8080.

- ``GET /``: the greeting with version, pod and node; ``?wait_ms=500`` answers late, to see that a
  drain waits
- ``GET /healthz``: 200 while the process can answer (liveness)
- ``GET /readyz``: 200 while traffic is welcome, else 503 with the reason (readiness)
- ``GET /token``: 200 when ``Authorization: Bearer …`` equals the mounted Secret, else 401; the
  Secret is never shown
- ``GET /metrics``: counters in Prometheus' text format
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from serving import add_probes, finish
from state import State

MAX_WAIT_MS = 10_000
STATE = web.AppKey("state", State)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(state: State) -> web.Application:
    """Build the aiohttp application."""
    app = web.Application(middlewares=[_finish])
    app[STATE] = state
    app.router.add_get("/", _greet)
    app.router.add_get("/token", _token)
    add_probes(
        app,
        lambda: {"hello_answers_total": state.answers, "hello_draining": state.draining.is_set()},
        state.problem,
    )
    return app


@web.middleware
async def _finish(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    finish(request.app[STATE], response)
    return response


async def _greet(request: web.Request) -> web.Response:
    wait = request.query.get("wait_ms", "0")
    if not wait.isdecimal() or int(wait) > MAX_WAIT_MS:
        return web.json_response(
            {"error": f"wait_ms={wait!r} is not a number from 0 to {MAX_WAIT_MS}"}, status=400
        )
    if int(wait):
        await asyncio.sleep(int(wait) / 1000)
    try:
        return web.json_response(request.app[STATE].hello())
    except OSError as error:
        return web.json_response({"error": f"no greeting: {error.strerror}"}, status=503)


async def _token(request: web.Request) -> web.Response:
    scheme, _, offered = request.headers.get("Authorization", "").partition(" ")
    try:
        matches = request.app[STATE].token_matches(offered) and scheme.lower() == "bearer"
    except OSError as error:
        return web.json_response({"error": f"no token mounted: {error.strerror}"}, status=503)
    if matches:
        return web.json_response({"token": "matches"})
    return web.json_response(
        {"token": "does not match"}, status=401, headers={"WWW-Authenticate": "Bearer"}
    )
