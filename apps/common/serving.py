"""What both services do alike: probes, metrics, gRPC health, and a drain that loses no request.

SIGTERM → readiness off, gRPC health NOT_SERVING, keep-alive connections closed with their answer;
after the drain the listeners close, what is in flight is finished, exit 0.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import wire
from aiohttp import web
from pod import log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from pod import Identity, WatchedFile

HEALTH = "grpc.health.v1.Health"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3  # grpc.health.v1.HealthCheckResponse.ServingStatus
WATCH_POLL_S = 0.2
Message = dict[int, Any]


@dataclass
class Service:
    """What is served, over HTTP and gRPC. ``draining`` is set once this pod is about to go."""

    identity: Identity
    greeting: WatchedFile
    draining: asyncio.Event = field(default_factory=asyncio.Event, kw_only=True)
    answers: Counter[str] = field(default_factory=Counter, kw_only=True)
    """By kind, for /metrics."""

    def hello(self) -> dict[str, str]:
        """Build the greeting; raise OSError when the ConfigMap is not mounted."""
        return self.identity.greet(self.greeting.text())

    def problem(self) -> str:
        """Return why this pod should get no traffic, "" for none."""
        if self.draining.is_set():
            return "draining"
        return unreadable("greeting", self.greeting)


def unreadable(what: str, file: WatchedFile) -> str:
    """Return why a mounted file cannot be read, "" where it can."""
    try:
        file.text()
    except OSError as error:
        return f"{what}: {error.strerror}"
    return ""


@dataclass(frozen=True)
class Listen:
    """Where to listen, and how long to drain and to finish what is in flight."""

    address: str
    http_port: int
    grpc_port: int
    drain_seconds: float
    finish_seconds: float


@asynccontextmanager
async def serve(
    name: str, service: Service, app: web.Application, server: grpc.aio.Server, listen: Listen
) -> AsyncIterator[None]:
    """Serve, run the body, and at its end serve on until ``service`` drains; then close."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=listen.finish_seconds)
    http_port = await start(runner, listen.address, listen.http_port, backlog=512)
    grpc_port = server.add_insecure_port(f"{listen.address}:{listen.grpc_port}")
    await server.start()
    log(f"{name} {service.identity.version}: HTTP on {http_port}, gRPC on {grpc_port}")
    yield
    await service.draining.wait()
    log(f"{name}: draining for {listen.drain_seconds:g} s")
    await asyncio.sleep(listen.drain_seconds)
    await asyncio.gather(runner.cleanup(), server.stop(listen.finish_seconds))


async def start(runner: web.AppRunner, address: str, port: int, backlog: int = 128) -> int:
    """Start an HTTP server and return its port; 0 takes a free one."""
    await runner.setup()
    await web.TCPSite(runner, address, port, backlog=backlog).start()
    return int(runner.addresses[0][1])


def set_on_signal(event: asyncio.Event) -> None:
    """Set the event at SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, event.set)


def finish(service: Service, response: web.StreamResponse) -> None:
    """Count an answer. While draining, close its connection: the next one goes to another pod."""
    if service.draining.is_set():
        response.force_close()
        response.headers["Connection"] = "close"
    service.answers[f"http_{response.status}"] += 1


def add_probes(
    app: web.Application,
    metrics: Callable[[], Mapping[str, Any]],
    ready: Callable[[], str],
    alive: Callable[[], str] = lambda: "",
) -> None:
    """Add what the kubelet and a scraper ask: /healthz, /readyz and /metrics.

    ``metrics`` gives a number or numbers by ``kind`` for each name; ``ready`` and ``alive`` give
    what is wrong, "" for nothing.
    """

    def probe(problem: Callable[[], str]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_request: web.Request) -> web.Response:
            text = problem()
            return web.Response(status=503 if text else 200, text=f"{text or 'ok'}\n")

        return answer

    async def scrape(_request: web.Request) -> web.Response:
        lines = [line for name, value in metrics().items() for line in _metric_lines(name, value)]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")

    app.router.add_get("/healthz", probe(alive))
    app.router.add_get("/readyz", probe(ready))
    app.router.add_get("/metrics", scrape)


def _metric_lines(name: str, value: Any) -> list[str]:
    """Return a metric in Prometheus' text format: a counter where its name ends with "_total".

    >>> _metric_lines("up", True), _metric_lines("answers_total", {"ok": 3})[1]
    (['# TYPE up gauge', 'up 1'], 'answers_total{kind="ok"} 3')
    """
    values = (
        {name: int(value)}
        if isinstance(value, int)
        else {f'{name}{{kind="{kind}"}}': count for kind, count in sorted(value.items())}
    )
    kind = "counter" if name.endswith("_total") else "gauge"
    return [f"# TYPE {name} {kind}", *(f"{key} {count}" for key, count in values.items())]


def make_server(
    service: Service, name: str, unary: Mapping[str, Any], streams: Mapping[str, Any] | None = None
) -> grpc.aio.Server:
    """Build a server of one gRPC service and of its health; the caller adds a port and starts it.

    Args:
        service: whose health is served.
        name: whole name of the gRPC service.
        unary: its methods with one answer.
        streams: its methods with a stream of answers.
    """
    health = _Health(service, name)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            _handlers(name, unary, streams or {}),
            _handlers(HEALTH, {"Check": health.check}, {"Watch": health.watch}),
        )
    )
    return server


def _handlers(name: str, unary: Mapping[str, Any], streams: Mapping[str, Any]) -> Any:
    codec = {"request_deserializer": wire.decode, "response_serializer": wire.encode}
    single, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    methods = {method: single(call, **codec) for method, call in unary.items()}
    methods |= {method: stream(call, **codec) for method, call in streams.items()}
    return grpc.method_handlers_generic_handler(name, methods)


class _Health:
    """Implements grpc.health.v1."""

    def __init__(self, service: Service, name: str) -> None:
        self._service, self._name = service, name

    def _status(self, name: str) -> int:
        if name not in ("", self._name):
            return SERVICE_UNKNOWN
        return NOT_SERVING if self._service.problem() else SERVING

    async def check(self, request: Message, context: Any) -> Message:
        """Answer SERVING or NOT_SERVING; NOT_FOUND for a service that is not ours."""
        status = self._status(str(request.get(1, "")))
        if status == SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return {1: status}

    async def watch(self, request: Message, _context: Any) -> AsyncIterator[Message]:
        """Send the status at once and at each change."""
        last = 0
        while True:
            status = self._status(str(request.get(1, "")))
            if status != last:
                yield {1: status}
                last = status
            await asyncio.sleep(WATCH_POLL_S)
