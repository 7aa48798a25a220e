"""The gRPC face, port 9090.

hello.proto, and the standard health service (grpc.health.v1.Health/Check and /Watch).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from state import State

HELLO = "kubedrill.hello.v1.Hello"
HEALTH = "grpc.health.v1.Health"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3  # grpc.health.v1.HealthCheckResponse.ServingStatus
WATCH_POLL_S = 0.2
Message = dict[int, Any]


class HelloService:
    """Implements hello.proto."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def say_hello(self, request: Message, context: Any) -> Message:
        """Answer with the greeting; UNAVAILABLE when the ConfigMap is not mounted."""
        try:
            hello = self._state.hello()
        except OSError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"no greeting: {error.strerror}")
        self._state.count("grpc_hello")
        name = request.get(1, "")
        greeting = f"{hello['greeting']}, {name}" if name else hello["greeting"]
        return {1: greeting, 2: hello["version"], 3: hello["pod"], 4: hello["node"]}


class HealthService:
    """Implements grpc.health.v1."""

    def __init__(self, state: State) -> None:
        self._state = state

    def _status(self, service: str) -> int:
        if service not in ("", HELLO):
            return SERVICE_UNKNOWN
        return NOT_SERVING if self._state.problem() else SERVING

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


def make_server(state: State) -> grpc.aio.Server:
    """Build the server with both services; the caller adds a port and starts it."""
    server = grpc.aio.server()
    hello, health = HelloService(state), HealthService(state)
    codec = {"request_deserializer": wire.decode, "response_serializer": wire.encode}
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                HELLO, {"SayHello": unary(hello.say_hello, **codec)}
            ),
            grpc.method_handlers_generic_handler(
                HEALTH,
                {"Check": unary(health.check, **codec), "Watch": stream(health.watch, **codec)},
            ),
        )
    )
    return server
