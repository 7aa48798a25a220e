"""``python -m sampler CONFIG``: sample until SIGTERM, SIGINT or, with ``"parent".

True``, until stdin closes.

CONFIG is a JSON file: ``{"probes": [kinds.Spec…], "record": "path"}`` or ``{"probes": […],
"listen": "address:port"}``. Writes one line ``ready`` once the ticks run. Exit status 0 after an
orderly end, 1 for a bug or a full disk, 2 for a bad configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from .kinds import KINDS, Spec
from .sinks import FLUSH_EVERY_S, FileSink, MemorySink
from .ticks import Ticker


def load(path: str) -> tuple[list[Spec], dict[str, Any]]:
    """Read the configuration; exits 2 when it is wrong."""
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
        specs = [Spec(**item) for item in config["probes"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"{path}: not a sampler configuration: {error}\n")
        raise SystemExit(2) from error
    unknown = [spec.kind for spec in specs if spec.kind not in KINDS]
    if unknown or not specs or ("record" in config) == ("listen" in config):
        sys.stderr.write(
            f"{path}: found {len(specs)} probes, unknown kinds {unknown}; expected probes of the "
            f"kinds "
        )
        sys.stderr.write(f"{', '.join(KINDS)} and either record or listen\n")
        raise SystemExit(2)
    return specs, config


async def run(specs: list[Spec], config: dict[str, Any]) -> None:
    """Sample until a signal stops it."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if config.get("parent"):
        await _watch_parent(stop)
    sink = FileSink(config["record"]) if "record" in config else MemorySink()
    if isinstance(sink, MemorySink):
        address, _, port = config["listen"].rpartition(":")
        await sink.serve(address, int(port))
    ticker = Ticker(specs, sink.keep)
    _calm_gc()
    ticker.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        assert ticker.failed is not None  # noqa: S101 - typing aid: start() made it
        while not stop.is_set() and not ticker.failed.done() and sink.error is None:
            await asyncio.wait({ticker.failed}, timeout=FLUSH_EVERY_S / 5)
        if ticker.failed.done():
            ticker.failed.result()
        await ticker.stop()
    finally:
        sink.close()


async def _watch_parent(stop: asyncio.Event) -> None:
    """Stop when the harness goes away, even by kill -9: its end of our stdin closes then."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )

    async def wait() -> None:
        await reader.read()
        stop.set()

    _KEPT.append(asyncio.ensure_future(wait()))


_KEPT: list[asyncio.Future[None]] = []  # the loop itself holds tasks only weakly


def _run_first() -> None:
    """Go before everything else on the host, where we may.

    The nodes of a local cluster share its cores with us.

    Real-time scheduling, else a high priority, else (in a pod) none. 100 probes at 10 Hz need a
    quarter of a core.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        with contextlib.suppress(OSError):
            os.nice(-15)


def _calm_gc() -> None:
    """Collect short-lived cycles in small bites and leave what is there for good alone.

    Pauses stay under 2 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 20, 50)


def main() -> None:
    """Run from the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m sampler CONFIG.json\n")
        raise SystemExit(2)
    specs, config = load(sys.argv[1])
    _run_first()
    asyncio.run(run(specs, config))


if __name__ == "__main__":
    main()
