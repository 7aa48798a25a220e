"""HTTP, port 8080. ``GET /openapi.json`` describes it (openapi.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from broker import Refused, Unknown
from openapi import describe
from order import MAX_BODY, BadOrder, make_order, new_key
from service import Service, Unavailable
from serving import add_probes, finish
from store import MAX_PAGE

SERVICE = web.AppKey("service", Service)
PROTO = Path(__file__).with_name("orders.proto")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(service: Service) -> web.Application:
    """Build the aiohttp application."""
    app = web.Application(middlewares=[_finish], client_max_size=MAX_BODY)
    app[SERVICE] = service
    app.router.add_get("/", _greet)
    app.router.add_post("/orders", _place)
    app.router.add_get("/orders", _list)
    app.router.add_get("/orders/{id}", _find)
    app.router.add_get("/openapi.json", _openapi)
    app.router.add_get("/orders.proto", _proto)
    add_probes(app, lambda: _metrics(service), service.problem)
    return app


@web.middleware
async def _finish(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer failures as JSON and name the pod."""
    service = request.app[SERVICE]
    try:
        response = await handler(request)
    except BadOrder as error:
        response = _error(400, "; ".join(error.mistakes))
    except Refused as error:
        response = _error(503, f"not written: {error}", outcome="refused")
    except Unknown as error:
        response = _error(
            504,
            f"written or not: {error}; repeat it with the same Idempotency-Key",
            outcome="unknown",
        )
    except Unavailable as error:
        response = _error(503, str(error))
    except web.HTTPException as error:
        response = _error(error.status, error.reason)
    response.headers["Server-Pod"] = service.identity.pod
    finish(service, response)
    return response


async def _greet(request: web.Request) -> web.Response:
    try:
        return web.json_response(request.app[SERVICE].hello())
    except OSError as error:
        return _error(503, f"no greeting: {error.strerror}")


async def _place(request: web.Request) -> web.Response:
    try:
        body = await request.json()
    except ValueError as error:
        raise BadOrder([f"the body is not JSON: {error}"]) from error
    order = make_order(request.headers.get("Idempotency-Key", new_key()), body)
    receipt = await request.app[SERVICE].place(order)
    answer = {
        "id": order.id,
        "key": order.key,
        "sequence": receipt.sequence,
        "duplicate": receipt.duplicate,
    }
    return web.json_response(answer, status=202, headers={"Location": f"/orders/{order.id}"})


async def _find(request: web.Request) -> web.Response:
    order = await request.app[SERVICE].find(request.match_info["id"])
    if order is None:
        return _error(
            404, "no such order is stored; one that was just accepted is stored a moment later"
        )
    return web.json_response(order.as_json())


async def _list(request: web.Request) -> web.Response:
    mistakes: list[str] = []
    since = _whole(request, "since", 0, (0, 2**63 - 1), mistakes)
    limit = _whole(request, "limit", 100, (1, MAX_PAGE), mistakes)
    if mistakes:
        raise BadOrder(mistakes)
    orders = await request.app[SERVICE].page(since, limit)
    last = orders[-1].position if orders else since
    return web.json_response({"orders": [order.as_json() for order in orders], "next": last})


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(describe())


async def _proto(_request: web.Request) -> web.Response:
    return web.Response(text=PROTO.read_text(encoding="utf-8"), content_type="text/plain")


def _metrics(service: Service) -> dict[str, Any]:
    cache = service.cache
    return {
        "orders_answers_total": service.answers,
        "orders_cache_total": {
            "hit": cache.hits,
            "miss": cache.misses,
            "failure": cache.failures,
        },
        "orders_queue_connected": service.broker is not None and service.broker.connected,
    }


def _whole(
    request: web.Request, name: str, default: int, bounds: tuple[int, int], mistakes: list[str]
) -> int:
    at_least, at_most = bounds
    text = request.query.get(name, str(default))
    if text.isascii() and text.isdecimal() and len(text) < 20 and at_least <= int(text) <= at_most:
        return int(text)
    mistakes.append(f"{name}={text[:40]!r}: expected a whole number from {at_least} to {at_most}")
    return default


def _error(status: int, text: str, **more: Any) -> web.Response:
    headers = {"Retry-After": "1"} if status in (503, 504) else {}
    return web.json_response({"error": text, **more}, status=status, headers=headers)
