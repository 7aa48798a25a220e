"""Where samples go: into the record (outside), or served until they are fetched (inside)."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import threading
import time
import uuid
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from .ticks import Sample

FLUSH_EVERY_S = 0.25  # a kill -9 loses no more than this
MAX_KEPT = (
    500_000  # samples in memory; some 100 MB, two hours of six probes at 10 Hz that nobody fetched
)
MAX_WORDS = 10_000  # remembered as JSON, should a server call itself otherwise in each answer
MAX_FETCHED = 2_000  # in one answer, so that serving never holds up the ticks for long


def kernel_id() -> str:
    """The running kernel's identity: processes that see the same one share CLOCK_MONOTONIC."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class _Words(dict[str, str]):
    """Words as JSON; the few that there are, probes, outcomes and servers, are made once."""

    def __missing__(self, word: str) -> str:
        if len(self) >= MAX_WORDS:
            self.clear()
        return self.setdefault(word, json.dumps(word, ensure_ascii=False))


class FileSink:
    """Appends sample lines to a record in a thread, so that a slow disk delays no tick."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._pending: deque[str] = deque()
        self._words = _Words()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flush", daemon=True)
        self.error: OSError | None = None
        self._thread.start()

    def keep(self, sample: Sample) -> None:
        """Take one sample. Its line is made here.

        Thousands at once, in the flushing thread, would hold up ticks.
        """
        probe, seq, due, fired, done, outcome, server = sample
        word = self._words
        line = (
            f'["sample",{word[probe]},{seq},{due},{fired},{done},{word[outcome]},{word[server]}]\n'
        )
        self._pending.append(line)

    def put(self, line: str) -> None:
        """Take a whole line."""
        self._pending.append(line)

    def close(self) -> None:
        """Write what is left; raises OSError when the record could not be written."""
        self._closing.set()
        self._thread.join()
        os.close(self._fd)
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        while not self._closing.wait(FLUSH_EVERY_S) and self.error is None:
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines = [
            self._pending.popleft() for _ in range(len(self._pending))
        ]  # meanwhile the ticks add more
        if not lines:
            return
        data = memoryview("".join(lines).encode())
        try:
            fcntl.flock(
                self._fd, fcntl.LOCK_EX
            )  # the runner appends to the same file (harness/kubedrill/record/file.py)
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        except OSError as error:  # disk full: the process ends with it, see __main__
            self.error = error


class MemorySink:
    """Keeps samples until a fetch acknowledges them, and serves them over HTTP.

    ``GET /clock``                   ``{"now", "kernel"}``: this process's CLOCK_MONOTONIC (ns) and
    whose kernel it is ``GET /samples?boot=B&after=N``  drops what stands before N, if B is this
    process's own ``boot``;
                                     returns ``{"boot", "now", "kernel", "next", "lost",
                                     "samples"}``
    """

    def __init__(self) -> None:
        self.boot = uuid.uuid4().hex
        self.kernel = kernel_id()
        self._first = 0
        self._samples: deque[Sample] = deque()
        self._lost = 0
        self.error: OSError | None = None

    def keep(self, sample: Sample) -> None:
        """Take one sample; the oldest gives way when nobody fetched for hours."""
        if len(self._samples) >= MAX_KEPT:
            self._samples.popleft()
            self._first += 1
            self._lost += 1
        self._samples.append(sample)

    def close(self) -> None:
        """Nothing is on disk."""

    async def serve(self, address: str, port: int) -> asyncio.Server:
        """Listen."""
        return await asyncio.start_server(self._client, address, port)

    def answer(self, target: str) -> dict[str, Any] | None:
        """Build the answer to a path, or None for one that is not known."""
        url = urlsplit(target)
        if url.path == "/clock":
            return {"now": time.monotonic_ns(), "kernel": self.kernel}
        if url.path != "/samples":
            return None
        query = parse_qs(url.query)
        after = (
            query.get("after", ["0"])[0] if query.get("boot") == [self.boot] else "0"
        )  # of another life: not ours
        while self._samples and self._first < (int(after) if after.isdecimal() else 0):
            self._samples.popleft()
            self._first += 1
        some = [sample for sample, _ in zip(self._samples, range(MAX_FETCHED), strict=False)]
        result = {
            "boot": self.boot,
            "next": self._first + len(some),
            "lost": self._lost,
            "samples": some,
        }
        return {**result, "now": time.monotonic_ns(), "kernel": self.kernel}

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
            words = head.split(b" ", 2)
            answer = (
                self.answer(words[1].decode("latin-1"))
                if len(words) == 3 and words[0] == b"GET"
                else None
            )
            body = json.dumps(
                answer or {"error": "expected GET /clock or GET /samples?boot=B&after=N"}
            ).encode()
            status = b"200 OK" if answer else b"404 Not Found"
            writer.write(
                b"HTTP/1.1 "
                + status
                + b"\r\nContent-Type: application/json\r\nConnection: close\r\n"
            )
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # a client that left or that does not speak HTTP loses its answer and nothing else
            return
        finally:
            writer.close()
