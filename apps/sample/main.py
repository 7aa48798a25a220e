"""The sample application: a greeting over HTTP and gRPC that leaves without dropping a request.

SIGTERM → readiness off, gRPC health NOT_SERVING, keep-alive connections told to close;
DRAIN_SECONDS later the listeners close, what is in flight is finished (FINISH_SECONDS at most),
exit 0.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from aiohttp import web
from grpc_face import make_server
from http_face import make_app
from state import Identity, State, WatchedFile

# longer than http_face.MAX_WAIT_MS; DRAIN_SECONDS + this stays under the pod's grace period
FINISH_SECONDS = 12.0


def setting(name: str, default: str, *, at_most: float) -> float:
    """Read a non-negative number from the environment; exit 2 with a clear word if it is none."""
    text = os.environ.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= at_most:
        sys.stderr.write(f"{name}={text!r}: expected a number from 0 to {at_most:g}\n")
        raise SystemExit(2)
    return value


def say(line: str) -> None:
    """Write one line to the pod's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def serve(http_port: int, grpc_port: int, drain_seconds: float) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    state = State(
        Identity.from_environment(),
        WatchedFile(Path(os.environ.get("GREETING_FILE", "/etc/hello/greeting"))),
        WatchedFile(Path(os.environ.get("TOKEN_FILE", "/etc/hello-secret/token"))),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, state.draining.set)
    address = os.environ.get("LISTEN_ADDRESS", "0.0.0.0")  # noqa: S104 - a pod's own network
    runner = web.AppRunner(make_app(state), access_log=None, shutdown_timeout=FINISH_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, address, http_port, backlog=512).start()
    rpc = make_server(state)
    rpc.add_insecure_port(f"{address}:{grpc_port}")
    await rpc.start()
    say(f"hello {state.identity.version}: HTTP on {http_port}, gRPC on {grpc_port}")
    await state.draining.wait()
    say(f"hello: draining for {drain_seconds:g} s")
    await asyncio.sleep(drain_seconds)
    await asyncio.gather(runner.cleanup(), rpc.stop(FINISH_SECONDS))
    say("hello: gone")


def main() -> None:
    """Read the settings and serve."""
    http_port = int(setting("HTTP_PORT", "8080", at_most=65535))
    grpc_port = int(setting("GRPC_PORT", "9090", at_most=65535))
    asyncio.run(serve(http_port, grpc_port, setting("DRAIN_SECONDS", "5", at_most=15)))


if __name__ == "__main__":
    main()
