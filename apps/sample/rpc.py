"""The gRPC service, port 9090: hello.proto, and grpc.health.v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import serving

if TYPE_CHECKING:
    from serving import Message
    from state import State

HELLO = "kubedrill.hello.v1.Hello"


def make_server(state: State) -> grpc.aio.Server:
    """Build the server; the caller adds a port and starts it."""

    async def say_hello(request: Message, context: Any) -> Message:
        """Answer with the greeting; UNAVAILABLE when the ConfigMap is not mounted."""
        try:
            hello = state.hello()
        except OSError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"no greeting: {error.strerror}")
        state.answers["grpc_hello"] += 1
        name = request.get(1, "")
        greeting = f"{hello['greeting']}, {name}" if name else hello["greeting"]
        return {1: greeting, 2: hello["version"], 3: hello["pod"], 4: hello["node"]}

    return serving.make_server(state, HELLO, {"SayHello": say_hello})
