"""Reads what an API server answers to the watch ledger: objects, and the lines of a watch."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from .http1 import BadAnswerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# what a broken connection or answer raises; TimeoutError is an OSError
BROKEN = (OSError, BadAnswerError, EOFError, asyncio.LimitOverrunError)


def read_json(text: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises BadAnswerError."""
    try:
        data = json.loads(text)
    except ValueError:
        raise BadAnswerError("not JSON") from None
    if not isinstance(data, dict):
        raise BadAnswerError("not a JSON object")
    return data


def read_content(item: dict[str, Any]) -> tuple[int, str]:
    """The revision of an object and its content. Raises BadAnswerError."""
    try:
        content = (item.get("data") or {}).get("value", "")
        return int(item["metadata"]["resourceVersion"]), str(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswerError(f"no object: {error!r}") from None


async def read_head(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of an answer, and whether its body comes in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    words = head.split(" ", 2)
    if not head.startswith("http/1.") or len(words) < 2 or not words[1][:3].isdecimal():
        raise BadAnswerError("not HTTP/1")
    return int(words[1][:3]), "transfer-encoding: chunked" in head


async def read_lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a body that comes in chunks; ends with EOFError."""
    rest = b""
    while size := _read_size(await reader.readuntil(b"\r\n")):
        chunk = await reader.readexactly(size + 2)
        *lines, rest = (rest + chunk[:-2]).split(b"\n")
        for line in lines:
            yield line
    raise EOFError("the watch ended")


def _read_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise BadAnswerError("not a chunk") from None
