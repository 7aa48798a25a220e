"""The history as JSON lines: one run a line, for backups and to move it between databases."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kubedrill.base.contradictions import find_contradictions, lower_verdicts
from kubedrill.base.document import RunDocument
from kubedrill.base.errors import ConfigErrors, StepFailed
from kubedrill.base.files import replace_file
from kubedrill.base.mistakes import located
from kubedrill.base.redact import redact_value
from kubedrill.base.strict_json import load_json
from kubedrill.history.before import document_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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


def read_lines(path: Path) -> tuple[list[RunDocument], list[str]]:
    """Read a file of runs; "-" is standard input.

    Returns the runs, none with a better verdict than its parts allow, and what is wrong with each
    line that is left out: it is no run, one that was there already, or contradicts itself.

    Raises:
        ConfigErrors: it cannot be read, or all of its lines are left out; lists each with its
            number.
    """
    try:
        if str(path) == "-":
            text = sys.stdin.buffer.read().decode("utf-8-sig") if sys.stdin else ""
        else:
            text = path.read_text(encoding="utf-8-sig")
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
            document = _document_of(load_json(line))
        except ValidationError as error:
            mistakes += [f"line {number}: {located(item)}" for item in error.errors()]
            continue
        except ValueError as error:
            mistakes.append(f"line {number}: is no run: {error}")
            continue
        wrong = [*find_contradictions(document)]
        if first.setdefault(document.run, number) != number:
            wrong.append(f"it was in line {first[document.run]} already")
        mistakes += [f"line {number}: run {document.run}: {each}" for each in wrong]
        documents += [] if wrong else [lower_verdicts(document.condensed())]
    if mistakes and not documents:
        raise ConfigErrors(str(path), mistakes)
    return documents, mistakes


def _document_of(data: Any) -> RunDocument:
    """Make the document of a line; those of an export of before 0.2 carry ``"format": 1``."""
    if isinstance(data, dict) and data.get("format") == 1:
        try:
            return document_of(data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ValidationError):
                raise
    return RunDocument.model_validate(data)
