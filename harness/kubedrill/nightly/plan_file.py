"""Reads the plan file of a nightly cycle."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.mistakes import list_mistakes
from kubedrill.base.yaml_lines import Document, Place, read_document, read_text, refuse
from kubedrill.nightly.plan import VERSION, Plan, steps

if TYPE_CHECKING:
    from pathlib import Path


def load_plan(path: Path, available: set[str]) -> Plan:
    """Read a plan. ``available`` holds the versions that have, or can have, a bundle.

    Raises:
        ConfigErrors: it cannot be read or holds mistakes; all are listed with their lines.
    """
    text = read_text(path, "a plan such as deploy/plans/nightly.yml")
    document = read_document(str(path), text)
    if document.data is None:
        raise ConfigErrors(str(path), ["is empty; expected topologies:, versions:, …"])
    if not isinstance(document.data, dict):
        raise ConfigErrors(
            str(path),
            [f"holds a {type(document.data).__name__}; expected topologies:, versions:, …"],
        )
    _rename_old_limit(document, str(path))
    mistakes = [
        *document.mistakes,
        *_missing_bundles(document, available),
        *_missing_files(document, path),
    ]
    plan = None
    try:
        plan = Plan.model_validate(_text_keys(document.data))
    except ValidationError as error:
        mistakes += list_mistakes(error, document, Plan)
    mistakes += _useless_skips(plan, document) if plan else []
    if mistakes or plan is None:
        raise refuse(str(path), mistakes)
    return plan


def _rename_old_limit(document: Document, where: str) -> None:
    """Take ``limits.artefacts``, its name before 0.2, with a warning."""
    limits = document.data.get("limits")
    if isinstance(limits, dict) and "artefacts" in limits and "diagnostics" not in limits:
        limits["diagnostics"] = limits.pop("artefacts")
        place = ("limits", "artefacts")
        document.lines["limits", "diagnostics"] = document.line(place)
        warnings.warn(
            f"{where}: line {document.line(place)}: limits.artefacts is deprecated and will be "
            "removed; write limits.diagnostics",
            FutureWarning,
            stacklevel=3,
        )


def _text_keys(data: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(key): _text_keys(value) if isinstance(value, dict) else value
        for key, value in data.items()
    }


def _missing_bundles(document: Document, available: set[str]) -> list[tuple[int, str]]:
    paths = document.data.get("versions")
    known = ", ".join(sorted(available))
    return [
        (
            document.line(("versions", number)),
            f"Kubernetes {version} has no bundle and none can be built; there is: {known}",
        )
        for number, path in enumerate(paths if isinstance(paths, list) else [])
        for version in (steps(path) if isinstance(path, str | list) else ())
        if VERSION.fullmatch(version) and version not in available
    ]


def _missing_files(document: Document, path: Path) -> list[tuple[int, str]]:
    data = document.data
    names: dict[Place, Any] = {("config",): data.get("config")}
    topologies = data.get("topologies")
    for name, shape in topologies.items() if isinstance(topologies, dict) else ():
        if isinstance(shape, dict):
            names["topologies", str(name), "config"] = shape.get("config")
    return [
        (
            document.line(place),
            f"{'.'.join(map(str, place))}: no such file: {str(path.parent / name)[:200]}",
        )
        for place, name in names.items()
        # Path.is_file raises for a name that no file can have
        if isinstance(name, str) and name and not os.path.isfile(path.parent / name)  # noqa: PTH113
    ]


def _useless_skips(plan: Plan, document: Document) -> list[tuple[int, str]]:
    mistakes = []
    for number, entry in enumerate(plan.skip):
        line = document.line(("skip", number))
        if entry.topology and entry.topology not in plan.topologies:
            mistakes.append((line, f"skip.{number}: topology {entry.topology} is not in the plan"))
        if entry.versions and entry.versions not in plan.versions:
            mistakes.append(
                (line, f"skip.{number}: versions {' → '.join(entry.versions)} are not in the plan")
            )
        if entry.during and entry.during not in plan.drills.during:
            mistakes.append((line, f"skip.{number}: {entry.during} is not in drills.during"))
    return mistakes
