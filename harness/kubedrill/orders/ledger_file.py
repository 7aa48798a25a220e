"""The ledger on disk: one JSON array a line, each appended with one write(2).

::

    ["intent", key, due, sent]                    before the order is sent
    ["answer", key, outcome, at, detail, server]
    ["seen", [key, …], at]                        the follower saw them for the first time
    ["read", outcome]                             of one order: "ok", "missing", "http-503",
                                                  "wrong-answer": a 200 without that order, …
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
from kubedrill.orders.ledger import ACKNOWLEDGED, REFUSED, UNKNOWN, Ledger, Write

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
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StepFailed(f"{path}:{number}: no line of a ledger: {error!r}") from error
    return ledger


def _take(ledger: Ledger, kind: str, values: list[Any]) -> None:
    """Take one line, of which every value is of its type: a ledger decides what was lost."""
    if kind == "intent":
        _take_intent(ledger, *values)
    elif kind == "answer":
        _take_answer(ledger, *values)
    elif kind == "seen":
        keys, at = values
        _require(keys, list)
        _require(at, int)
        for key in keys:
            ledger.seen.setdefault(key, at)
    elif kind == "read":
        (outcome,) = values
        _require(outcome, str)
        ledger.reads[outcome] += 1
    elif kind == "skipped":
        (count,) = values
        ledger.skipped += _count(count, least=0)
    elif kind == "found":
        (counts,) = values
        ledger.read_back = {key: _count(count, least=1) for key, count in counts.items()}
    else:
        raise ValueError(f"unknown kind {kind!r}")


def _take_intent(ledger: Ledger, key: Any, due: Any, sent: Any) -> None:
    for value, kind in ((key, str), (due, int), (sent, int)):
        _require(value, kind)
    if key in ledger.writes:
        raise ValueError(f"a second intent of {key}, which would hide what became of the first")
    ledger.writes[key] = Write(key, due, sent)


def _take_answer(  # noqa: PLR0913, PLR0917 - the values of a line
    ledger: Ledger, key: Any, outcome: Any, at: Any, detail: Any, server: Any
) -> None:
    if outcome not in (ACKNOWLEDGED, REFUSED, UNKNOWN):
        raise ValueError(f"unknown outcome {outcome!r}")
    _require(at, int)
    ledger.writes[key].answer(outcome, at, detail, server)
    if outcome != ACKNOWLEDGED:
        ledger.failed[detail or outcome] += 1


def _require(value: Any, kind: type) -> None:
    if type(value) is not kind:
        raise TypeError(f"found {value!r}, expected {kind.__name__}")


def _count(value: Any, *, least: int) -> int:
    """Refuse a count that is below ``least``, a fraction, text or a truth value."""
    if type(value) is not int or value < least:
        raise ValueError(f"found the count {value!r}, expected a whole number, {least} or more")
    return value
