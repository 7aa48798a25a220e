"""Takes secrets out of a part's output on its way to the disk, as a process of its own.

The part may outlive a cycle that is killed, and goes on as if its output went into the file: what
cleans it lives as long as somebody can write, and ends by itself then.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kubedrill.base.redact import Redactor, known_secrets
from kubedrill.base.redact_stream import StreamRedactor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

_BATCH_S = 0.5
"""Seconds that lines are gathered for: they are cleaned together with those before them, which
takes 5 ms."""
_BATCH_BYTES = 1 << 18
_LONGEST_LINE = 1 << 20
"""Bytes without the end of a line after which one is made."""
LAST_LINES_S = 30.0
"""Seconds for the last lines of a part that has ended; a daemon that it left behind may go on
writing."""


def start_cleaning(
    log: BinaryIO, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the process that cleans what is written into the descriptor returned, into ``log``.

    It knows the secrets that this process knows.
    """
    read_end, write_end = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            env=environment,
            stdin=read_end,
            stdout=log,
            start_new_session=True,
        )
    finally:
        os.close(read_end)
    with os.fdopen(os.dup(write_end), "wb") as pipe:  # not on its command line, which others see
        pipe.write(json.dumps(sorted(known_secrets())).encode() + b"\n")
    return process, write_end


class _Copy:
    """Copies lines from one descriptor to another, without secrets."""

    def __init__(self, source: int, sink: int, first: bytes, redactor: Redactor) -> None:
        self._source, self._sink = source, sink
        self._unread = first  # and not cleaned
        self._stream = StreamRedactor(redactor)

    def run(self) -> None:
        due = None  # when what was read has to go out
        while True:
            if due is None and b"\n" in self._unread:
                due = time.monotonic() + _BATCH_S
            wait_s = None if due is None else max(0.0, due - time.monotonic())
            if select.select([self._source], [], [], wait_s)[0]:
                data = os.read(self._source, _BATCH_BYTES)
                if not data:
                    break
                self._unread += data
            if (due and time.monotonic() >= due) or len(self._unread) > _BATCH_BYTES:
                self._clean_whole_lines()
                due = None
        self._clean_rest()

    def _clean_whole_lines(self) -> None:
        whole, end, rest = self._unread.rpartition(b"\n")
        if not end and len(rest) > _LONGEST_LINE:
            whole, rest = rest, b""
        elif not end:
            return
        self._unread = rest
        self._write(self._stream.add(_decode(whole).split("\n")), "\n")

    def _clean_rest(self) -> None:
        ended = self._unread.endswith(b"\n") or not self._unread
        text = _decode(self._unread).removesuffix("\n")
        lines = text.split("\n") if self._unread else []
        self._write(self._stream.add(lines, last=True), "\n" if ended else "")

    def _write(self, lines: list[str], end: str) -> None:
        data = ("\n".join(lines) + end).encode() if lines else b""
        with suppress(OSError):  # the disk is full: the part is not the one to fail
            while data:
                data = data[os.write(self._sink, data) :]


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _read_secrets(source: int) -> tuple[list[str], bytes]:
    """The known secrets, and what was read after them."""
    data = b""
    while b"\n" not in data:
        more = os.read(source, _BATCH_BYTES)
        if not more:
            return [], b""
        data += more
    line, _, rest = data.partition(b"\n")
    return json.loads(line), rest


def main() -> None:
    """Clean the standard input into the standard output until nobody can write any more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what is asked to end has last words
    secrets, rest = _read_secrets(0)
    _Copy(0, 1, rest, Redactor(secrets)).run()


if __name__ == "__main__":
    main()
