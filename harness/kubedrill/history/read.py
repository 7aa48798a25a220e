"""Reads the run document from a run's folder: its verdict.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kubedrill.base import before
from kubedrill.base.contradictions import find_contradictions, lower_verdicts
from kubedrill.base.document import SCHEMA, RunDocument
from kubedrill.base.drill_entry import ProbeEntry
from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.header_facts import header_facts
from kubedrill.base.mistakes import located, shown
from kubedrill.base.model import CheckId, Leaves
from kubedrill.base.plan import PLAN_FILE, read_plan
from kubedrill.base.redact import redact_value
from kubedrill.base.results import VerdictKind
from kubedrill.base.strict_json import load_json

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_document(directory: Path) -> RunDocument:
    """Read a run's folder, with no better verdict than its parts allow.

    Raises:
        UsageError: there is no verdict, or it is not kubedrill's; says what to do. A verdict of
            before 0.2 needs the run's records as well. Or it contradicts itself, or leaves out
            drills that the run's plan asks for.
        ConfigErrors: values are missing or impossible; all are listed.
    """
    data = redact_value(_load(directory / "verdict.json"))  # of before 0.2: with secrets
    try:
        for drill in data["drills"]:
            if "leaves" not in drill:
                name = Path(f"{drill['name']}.jsonl").name  # in this folder, whatever it says
                _complete(drill, _header(directory / "record" / name))
    except (KeyError, TypeError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else "a value of another kind"
        raise UsageError(
            f"{directory / 'verdict.json'}: found something else, expected what "
            f"docs/reference/verdict.schema.json describes ({what}). "
            f"Make it again: kubedrill report {directory.name}"
        ) from error
    try:
        document = RunDocument.model_validate(data)
    except ValidationError as error:
        raise ConfigErrors(str(directory), [located(item) for item in error.errors()]) from error
    mistakes = [*find_contradictions(document), *_unplanned(directory, document)]
    if mistakes:
        again = f"made again from the run's records: kubedrill report {directory.name}"
        raise ConfigErrors(f"{directory / 'verdict.json'} (can be {again})", mistakes)
    return lower_verdicts(document)


def _unplanned(directory: Path, document: RunDocument) -> Iterator[str]:
    """Name what the verdict says otherwise than what the run was asked for."""
    plan = read_plan(directory)
    if plan is None:
        return
    if document.run != plan.run:
        raise UsageError(
            f"{directory}: found a copy of run {plan.run} under another name, expected each run "
            f"once. Give the folder its name back: {plan.run}"
        )
    judged, not_run = [each.name for each in document.drills], [e.name for e in document.not_run]
    for name in plan.drills:
        if name not in [*judged, *not_run]:
            yield f"drills: found nothing of {name}, which {PLAN_FILE} asks for"
    for name in judged:
        if name not in plan.drills:
            yield f"drills: found {name}, which {PLAN_FILE} does not ask for"
    for field in ("cluster", "seed"):
        actual, expected = getattr(document, field), getattr(plan, field)
        if actual != expected:
            yield f"{field}: found {shown(actual)}, expected {shown(expected)} as in {PLAN_FILE}"
    if not_run and document.verdict is VerdictKind.PASS:
        yield f"verdict: found PASS, expected INCONCLUSIVE: {not_run[0]} was not run"


def _load(path: Path) -> dict[str, Any]:
    try:
        data = load_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); expected the verdict of a run that ended. "
            f"Make it from the record: kubedrill report {path.parent.name}"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path} is not JSON ({error}). Make it again: kubedrill report {path.parent.name}"
        ) from error
    version = data.get("schema") if isinstance(data, dict) else None
    if version != SCHEMA:
        raise UsageError(
            f"{path}: found schema {version!r}, expected {SCHEMA}; it was made by another version "
            "of kubedrill. Make it again with this one: "
            f"kubedrill report {path.parent.name}"
        )
    return dict(data)


def _complete(drill: dict[str, Any], header: dict[str, Any]) -> None:
    """Add to a drill of before 0.2 what only its record's header says."""
    for check in drill["checks"]:
        check["id"] = before.CHECK_IDS.get(check["name"], "")
    leaves = before.leaves(drill["name"])
    reached = [check["expected"] for check in drill["checks"] if check["id"] == CheckId.UPGRADED]
    after = "" if leaves is Leaves.UPGRADED else drill["kubernetes"]
    probes = [ProbeEntry.model_construct(**probe) for probe in drill["probes"]]
    drill.update(
        header_facts(header, probes),
        leaves=leaves,
        kubernetes_after=str(reached[0]).removeprefix("v") if reached else after,
    )


def _header(path: Path) -> dict[str, Any]:
    """The first line of a record; the rest, many megabytes, is not read."""
    try:
        with path.open("rb") as file:
            kind, header = load_json(file.readline())
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); this verdict was made before 0.2, and "
            "the history needs the record's header, which says what host and nodes it is about. "
            "Where its record was removed, such a run cannot be added any more."
        ) from error
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path} is not a record of kubedrill: its first line is no header ({error})"
        ) from error
    if kind != "header" or not isinstance(header, dict):
        raise UsageError(f"{path} is not a record of kubedrill: its first line is no header")
    return header
