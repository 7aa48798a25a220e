"""The ledger on disk: one JSON array a line, each appended with one write(2).

::

    ["intent", key, due, sent]                    before the order is sent
    ["answer", key, outcome, at, detail, server]
    ["seen", [key, …], at]                        the follower saw them for the first time
    ["read", outcome]                             of one order: "ok", "missing", "http-503", …
    ["skipped", count]                            due and not sent
    ["found", {key: count}]                       the whole read-back, at the end

A writer that is killed loses at most what was in flight: an intent without an answer is an unknown
write.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Self

from kubedrill.base.errors import StepFailed
from kubedrill.orders.ledger import ACKNOWLEDGED, Ledger, Write

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class LedgerWriter:
    """Appends lines; two processes may append to one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def write(self, *line: Any) -> None:
        """Append one line."""
        os.write(self._descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")


def read_ledger(path: Path) -> Ledger:
    """Read a ledger back, without a last line that was cut: its write stays unknown.

    Raises:
        StepFailed: there is no such file, or a line in its middle is none of a ledger's.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StepFailed(f"{path}: the ledger cannot be read: {error.strerror}") from error
    ledger = Ledger()
    for number, line in enumerate(lines[:-1], start=1):
        try:
            kind, *values = json.loads(line)
            _take(ledger, kind, values)
        except (ValueError, KeyError, TypeError) as error:
            raise StepFailed(f"{path}:{number}: no line of a ledger: {error!r}") from error
    return ledger


def _take(ledger: Ledger, kind: str, values: list[Any]) -> None:
    if kind == "intent":
        ledger.writes[values[0]] = Write(*values)
    elif kind == "answer":
        key, outcome, at, detail, server = values
        ledger.writes[key].answer(outcome, at, detail, server)
        if outcome != ACKNOWLEDGED:
            ledger.failed[detail or outcome] += 1
    elif kind == "seen":
        for key in values[0]:
            ledger.seen.setdefault(key, values[1])
    elif kind == "read":
        ledger.reads[values[0]] += 1
    elif kind == "skipped":
        ledger.skipped += values[0]
    elif kind == "found":
        ledger.read_back = {key: int(count) for key, count in values[0].items()}
    else:
        raise ValueError(f"unknown kind {kind!r}")
