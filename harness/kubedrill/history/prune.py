"""The retention rule: old records are removed once their verdicts are in the history.

A run's record (``record/``, megabytes a drill) is removed when all of these hold, and kept
otherwise:

1. It is not one of the newest N runs that still have a record. Names of runs begin with their time,
   UTC.
2. ``latest`` does not point to it.
3. It has a verdict.json: a run that is still going on has none.
4. The history holds the same verdict and measurements.

verdict.json, junit.xml and index.html stay. What is lost: the verdict cannot be judged again, nor
the run replayed.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import KubedrillError, StepFailed
from kubedrill.history.read import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kubedrill.base.document import RunDocument

_DOOMED = ".record.removing"
"""A record is renamed to this first, so that one whose removal was cut is never taken for a whole
one."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule says of one run's record; ``why`` is empty where it is removed."""

    directory: Path
    size: int  # bytes
    why: str

    @property
    def removed(self) -> bool:
        """Whether the rule removes the record."""
        return not self.why


def decide(reports: Path, known: Mapping[str, RunDocument], keep_records: int) -> list[Decision]:
    """Say for each run that still has a record what the rule does, the newest first.

    Changes nothing.
    """
    folders = (
        [path for path in reports.iterdir() if not path.is_symlink()] if reports.is_dir() else []
    )
    runs = sorted(
        (path for path in folders if _has_record(path)), key=lambda path: path.name, reverse=True
    )
    latest = (reports / "latest").resolve()
    decisions = []
    for place, path in enumerate(runs):
        size = sum(p.lstat().st_size for p in (path / "record").rglob("*") if p.is_file())
        why = _why_not(path, place, keep_records, latest, known)
        decisions.append(Decision(path, size, why))
    return decisions


def remove(decision: Decision) -> None:
    """Remove one record.

    Raises:
        StepFailed: it could not be removed; says why.
    """
    doomed = decision.directory / _DOOMED
    try:
        if doomed.is_dir():
            shutil.rmtree(doomed)
        (decision.directory / "record").rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise StepFailed(
            f"{decision.directory / 'record'} could not be removed: {error}"
        ) from error


def finish_cut_removals(reports: Path) -> None:
    """Remove what an earlier, killed removal left.

    Raises:
        StepFailed: it could not be removed; says why.
    """
    for doomed in reports.glob(f"*/{_DOOMED}"):
        try:
            shutil.rmtree(doomed)
        except OSError as error:
            raise StepFailed(f"{doomed} could not be removed: {error}") from error


def _has_record(path: Path) -> bool:
    record = path / "record"
    return record.is_dir() and not record.is_symlink()


def _why_not(
    path: Path, place: int, keep: int, latest: Path, known: Mapping[str, RunDocument]
) -> str:
    if place < keep:
        return f"one of the newest {keep}"
    if path.resolve() == latest:
        return "latest points to it"
    if not (path / "verdict.json").exists():
        return "it has no verdict yet"
    return _why_not_in_history(path, known)


def _why_not_in_history(path: Path, known: Mapping[str, RunDocument]) -> str:
    """Why the history cannot stand for a run's record; empty where it holds its verdict."""
    try:
        document = read_document(path)
    except KubedrillError as error:
        return f"it cannot be read: {error}"
    stored = known.get(document.run)
    if stored is None:
        return f"it is not in the history: kubedrill history add {path.name}"
    if not stored.has_results_of(document):
        return f"the history has another verdict of it: kubedrill history add --replace {path.name}"
    return ""
