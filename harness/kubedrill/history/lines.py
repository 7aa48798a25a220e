"""The history as JSON lines: one run a line, for backups and to move it between databases."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from kubedrill.base.document import RunDocument
from kubedrill.base.errors import ConfigErrors, StepFailed
from kubedrill.base.files import replace_file
from kubedrill.base.mistakes import located
from kubedrill.base.redact import redact_value
from kubedrill.base.strict_json import load_json
from kubedrill.history.before import document_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHOWN = 20
"""Mistakes listed of one file: a file of something else has one in every line."""


def clean_document(document: RunDocument) -> RunDocument:
    """Return a run without secrets, such as an older kubedrill stored or exported with them."""
    data = document.model_dump(mode="json")
    cleaned = redact_value(data)
    return document if cleaned == data else RunDocument.model_validate(cleaned)


def dump(documents: Iterable[RunDocument]) -> Iterator[str]:
    """Give a line for each run."""
    return (document.model_dump_json() + "\n" for document in documents)


def write_lines(documents: Iterable[RunDocument], path: Path) -> None:
    """Write a file in one step, so that a reader never sees half of it.

    A link stays, and the file that it names is written. What is no file, such as a pipe or a
    device, is written to and never replaced.

    Raises:
        StepFailed: it cannot be written (disk full, no such folder); what was there before is still
            there.
    """
    try:
        if _is_replaceable(path):
            replace_file(Path(os.path.realpath(path)), dump(documents))
        else:
            with path.open("w", encoding="utf-8") as stream:
                stream.writelines(dump(documents))
    except OSError as error:
        raise StepFailed(f"{path} cannot be written: {error.strerror}") from error


def _is_replaceable(path: Path) -> bool:
    """Tell a file, and one that is not there yet, from devices; a loop of links is an OSError."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def read_lines(path: Path) -> list[RunDocument]:
    """Read a file of runs; "-" is standard input.

    Raises:
        ConfigErrors: it cannot be read, or lines are not runs; lists each with its number.
    """
    try:
        if str(path) == "-":
            text = sys.stdin.buffer.read().decode("utf-8") if sys.stdin else ""
        else:
            text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigErrors(
            str(path), [f"cannot be read: {reason}; give a file of kubedrill history export"]
        ) from error
    documents: list[RunDocument] = []
    mistakes: list[str] = []
    first: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            document = _read(line)
        except ValidationError as error:
            mistakes += [f"line {number}: {located(item)}" for item in error.errors()]
            continue
        if first.setdefault(document.run, number) != number:
            mistakes.append(
                f"line {number}: run {document.run} was in line {first[document.run]} already"
            )
        documents.append(document)
    if mistakes:
        more = len(mistakes) - _SHOWN
        raise ConfigErrors(
            str(path), mistakes[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        )
    return documents


def _read(line: str) -> RunDocument:
    """Read a line; those of an export of before 0.2 carry ``"format": 1``."""
    if '"format":1' in line.replace(" ", "")[:40]:
        try:
            return document_of(load_json(line))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ValidationError):
                raise
    return RunDocument.model_validate_json(line).condensed()
