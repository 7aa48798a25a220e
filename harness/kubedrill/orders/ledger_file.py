"""The ledger on disk: one JSON array a line, each appended with one write(2).

::

    ["intent", key, due, sent]                    before the order is sent
    ["answer", key, outcome, at, detail, server]
    ["seen", [key, …], at]                        the follower saw them for the first time
    ["read", outcome]                             of one order: "ok", "missing", "http-503",
                                                  "wrong-answer": a 200 without that order, …
    ["skipped", count]                            due and not sent
    ["altered", [key, …]]                         read back with another content than was sent
    ["found", {key: count}]                       the whole read-back, at the end

A writer that is killed loses at most what was in flight: an intent without an answer is an unknown
write.
"""

from __future__ import annotations

import json
import os
from io import FileIO
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import StepFailed
from kubedrill.base.files import PRIVATE_FILE, make_private_folder
from kubedrill.orders.ledger import ACKNOWLEDGED, REFUSED, UNKNOWN, Ledger, Write

if TYPE_CHECKING:
    from pathlib import Path


_VALUES = {
    "intent": (str, int, int),
    "answer": (str, str, int, str, str),
    "seen": (list, int),
    "read": (str,),
    "skipped": (int,),
    "altered": (list,),
    "found": (dict,),
}
"""Types of the values of each kind of line. They are exact: a ledger decides what was lost."""


class LedgerWriter(FileIO):
    """Appends lines; two processes may append to one file."""

    def __init__(self, path: Path) -> None:
        make_private_folder(path.parent)
        super().__init__(path, "a", opener=_open_private)

    def add(self, *line: Any) -> None:
        """Append one line."""
        self.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)


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
            _require_types(values, _VALUES[kind])
            _take(ledger, kind, values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StepFailed(f"{path}:{number}: no line of a ledger: {error!r}") from error
    return ledger


def _require_types(values: list[Any], types: tuple[type, ...]) -> None:
    if tuple(map(type, values)) != types:
        raise TypeError(f"found {values!r:.80}, expected {', '.join(t.__name__ for t in types)}")


def _take(ledger: Ledger, kind: str, values: list[Any]) -> None:
    match kind, values:
        case "intent", [key, due, sent]:
            if key in ledger.writes:
                raise ValueError(f"a second intent of {key}, which would hide the first one's fate")
            ledger.writes[key] = Write(key, due, sent)
        case "answer", [key, outcome, at, detail, server]:
            _take_answer(ledger, ledger.writes[key], outcome, at, detail, server)
        case "seen", [keys, at]:
            ledger.seen |= {key: at for key in keys if key not in ledger.seen}
        case "read", [outcome]:
            ledger.reads[outcome] += 1
        case "skipped", [count]:
            ledger.skipped += _count(count, least=0)
        case "altered", [keys]:
            ledger.altered = _keys(keys)
        case "found", [counts]:
            ledger.read_back = {key: _count(count, least=1) for key, count in counts.items()}


def _take_answer(  # noqa: PLR0913, PLR0917 - the columns of a line
    ledger: Ledger, write: Write, outcome: str, at: int, detail: str, server: str
) -> None:
    if outcome not in (ACKNOWLEDGED, REFUSED, UNKNOWN):
        raise ValueError(f"unknown outcome {outcome!r}")
    write.answer(outcome, at, detail, server)
    if outcome != ACKNOWLEDGED:
        ledger.failed[detail or outcome] += 1


def _keys(values: list[Any]) -> tuple[str, ...]:
    """Refuse keys that are no texts."""
    if any(type(value) is not str for value in values):
        raise ValueError(f"found the keys {values!r:.80}, expected texts")
    return tuple(values)


def _count(value: Any, *, least: int) -> int:
    """Refuse a count that is below ``least``, a fraction, text or a truth value."""
    if type(value) is not int or value < least:
        raise ValueError(f"found the count {value!r}, expected a whole number, {least} or more")
    return value
