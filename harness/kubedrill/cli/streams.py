"""Standard streams that cannot break a command.

A reader that has seen enough (``kubedrill list | head``) changes nothing of how a command ends: a
drill goes on, and its status stays that of its verdict.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from typing import TextIO


class Unbroken:
    """A text stream that goes on into nowhere once its reader is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or do nothing where nobody reads any more."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            discard(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush, or do nothing where nobody reads any more."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard() -> None:
    """Make the standard streams safe to write to.

    A closed descriptor is opened to nowhere, so that no file which is opened later takes its place;
    characters that the stream's encoding has not are replaced.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            continue
        if (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")
        setattr(sys, name, cast("TextIO", Unbroken(stream)))


def discard(stream: Any) -> None:
    """Send what is still written to a stream nowhere."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def flush() -> str:
    """Write out what waits; returns why that cannot be done, "" where it can."""
    if sys.stdout is None:
        return ""
    try:
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        return f"the output cannot be written: {error.strerror}"
    return ""
