"""The sample application: a greeting over HTTP and gRPC that leaves without dropping a request.

SIGTERM → DRAIN_SECONDS of serving while balancers forget the pod; then the listeners close, what is
in flight is finished (FINISH_SECONDS at most), exit 0.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from pod import Identity, WatchedFile, log
from rpc import make_server
from serving import Listen, serve, set_on_signal
from state import State
from web import make_app

# longer than web.MAX_WAIT_MS; DRAIN_SECONDS + this stays under the pod's grace period
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


async def run(listen: Listen) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    state = State(
        Identity.from_environment(),
        WatchedFile(Path(os.environ.get("GREETING_FILE", "/etc/hello/greeting"))),
        WatchedFile(Path(os.environ.get("TOKEN_FILE", "/etc/hello-secret/token"))),
    )
    set_on_signal(state.draining)
    async with serve("hello", state, make_app(state), make_server(state), listen):
        pass
    log("hello: gone")


def main() -> None:
    """Read the settings and serve."""
    listen = Listen(
        os.environ.get("LISTEN_ADDRESS", "0.0.0.0"),  # noqa: S104 - a pod's own network
        int(setting("HTTP_PORT", "8080", at_most=65535)),
        int(setting("GRPC_PORT", "9090", at_most=65535)),
        setting("DRAIN_SECONDS", "5", at_most=15),
        FINISH_SECONDS,
    )
    asyncio.run(run(listen))


if __name__ == "__main__":
    main()
