"""``python -m sampler.watch_ledger CONFIG``: keep watches, lists and writes until stdin closes.

One object, on which two clients write each second on condition of the same revision, so that one of
them has to be refused. Each API server, and the cluster's own endpoint, has a watch and is listed
every few seconds. All that they did and were told goes into the record, where
``kubedrill.verdict.watch_ledger`` judges it; a connection that breaks is opened again from the last
revision that came.

CONFIG is a JSON file: ``{"record": path, "path": "/api/v1/…/configmaps", "name": object, "clients":
{name: URL}, "tls": {"ca", "cert", "key"}}``; ``"write_s"``, ``"list_s"`` and
``"catch_up_s"`` replace the defaults below. Writes one line ``ready`` once the ledger is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from .sinks import FileSink
from .watch_answers import BROKEN
from .watch_client import Client, Ledger, Newest

WRITE_S = 1.0
LIST_S = 5.0
MIN_REST_S = 0.01
"""Seconds between two writes at the least, however long one took."""
CATCH_UP_S = 12.0
"""Seconds at the end until every watch has told the newest revision; 2 s more than the verdict
gives them."""


class Writer:
    """Writes through two clients at once, on condition of the same revision."""

    def __init__(self, clients: list[Client], every_s: float) -> None:
        self._clients, self._every_s, self._number = clients, every_s, 0

    async def run(self, stopped: asyncio.Task[None]) -> None:
        """Write until stopped. What is under way then is finished: it may have been applied."""
        base = 0
        while not stopped.done():
            began = time.monotonic()
            base = await self._write(base)
            rest_s = max(MIN_REST_S, began + self._every_s - time.monotonic())
            await asyncio.wait({stopped}, timeout=rest_s)

    async def _write(self, base: int) -> int:
        """Write once, and give the revision to go on from; 0 where nobody knows it."""
        self._number += 1
        first = self._clients[self._number % len(self._clients)]
        # a prefix of this process: a write of an earlier one has another content
        values = [f"{_SESSION}-{self._number}-{each}" for each in ("a", "b")]
        if not base:
            sent = time.monotonic_ns()
            try:
                _, base = await first.list()
            except BROKEN:
                first.refused(sent, values[0])
                return 0
        second = self._clients[(self._number + 1) % len(self._clients)]
        revisions = await asyncio.gather(
            first.write(base, values[0]), second.write(base, values[1])
        )
        return max(revisions)


_SESSION = f"{time.time_ns():x}"


async def list_often(client: Client, every_s: float) -> None:
    """List every few seconds; where that fails, the API probes have it."""
    while True:
        await asyncio.sleep(every_s)
        with contextlib.suppress(*BROKEN):
            await client.list()


async def run(config: dict[str, Any]) -> None:
    """Keep the ledger until stdin closes, then wait until every watch has told everything."""
    sink = FileSink(config["record"])
    ledger = Ledger(sink)
    newest = Newest()
    clients = [Client(name, url, config, ledger, newest) for name, url in config["clients"].items()]
    writer = Writer(clients, config.get("write_s", WRITE_S))
    stopped = asyncio.create_task(_parent_gone())
    writing = asyncio.create_task(writer.run(stopped))
    watching = [asyncio.create_task(each.watch()) for each in clients]
    listing = [
        asyncio.create_task(list_often(each, config.get("list_s", LIST_S))) for each in clients
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        tasks = {stopped, writing, *watching, *listing}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            await writing
        await _cancel([writing, *listing])
        deadline = time.monotonic() + config.get("catch_up_s", CATCH_UP_S)
        while time.monotonic() < deadline and sink.error is None:
            if all(each.is_open and each.position >= newest.revision for each in clients):
                break
            await asyncio.sleep(0.05)
        await _cancel(watching)
        for client in clients:
            client.end()
    finally:
        stopped.cancel()
        sink.close()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks; what one of them ended with before is raised."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _parent_gone() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()


def main() -> None:
    """Run from the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m sampler.watch_ledger CONFIG.json\n")
        raise SystemExit(2)
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    gc.freeze()
    asyncio.run(run(config))


if __name__ == "__main__":
    main()
