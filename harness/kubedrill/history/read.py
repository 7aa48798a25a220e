"""Makes a history entry from a run's folder.

Its verdict.json, and the first line of each of its records.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.model import Vantage
from kubedrill.history.entry import LABELS, UNKNOWN, RunEntry

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

VERDICT_SCHEMA = 1
"""The version of docs/reference/verdict.schema.json that is read here."""

_UPGRADED = "the API server runs the new release"
"""The check of every upgrade drill whose expectation is the version that was upgraded to."""

_UPGRADES = (
    "cluster-upgrade",
    "upgrade-killed",
    "upgrade-node-lost",
    "upgrade-plane-lost",
    "upgrade-drain-blocked",
)
"""Drills that leave the cluster upgraded; other upgrade-… drills are refused and leave it as it
was."""


def read_entry(directory: Path) -> RunEntry:
    """Read a run's folder.

    Raises:
        UsageError: there is no verdict or no record, or they are not kubedrill's; says which and
            what to do.
        ConfigErrors: values are missing or impossible; all are listed.
    """
    data = _load(directory / "verdict.json")
    try:
        drills = [
            _drill(each, _header(directory / "record" / f"{each['name']}.jsonl"))
            for each in data["drills"]
        ]
        entry = {key: data[key] for key in ("run", "cluster", "seed", "verdict", "not_run")} | {
            "drills": drills
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{directory / 'verdict.json'}: found something else, expected what docs/reference/verdict.schema.json tells "
            f"({type(error).__name__}: {error}). Make it again: kubedrill report {directory.name}"
        ) from error
    try:
        return RunEntry.model_validate(entry)
    except ValidationError as error:
        raise ConfigErrors(str(directory), [mistake(item) for item in error.errors()]) from error


def mistake(item: ErrorDetails) -> str:
    """One mistake that pydantic found, with its place."""
    place = "".join(f"{part}." for part in item["loc"]).removesuffix(".")
    return f"{place}{': ' if place else ''}{item['msg'][:1].lower()}{item['msg'][1:]}, found {item['input']!r:.80}"


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); expected the verdict of a run that ended. "
            f"Make it from the record: kubedrill report {path.parent.name}"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path} is not JSON ({error}). Make it again: kubedrill report {path.parent.name}"
        ) from error
    found = data.get("schema") if isinstance(data, dict) else None
    if found != VERDICT_SCHEMA:
        raise UsageError(
            f"{path}: found schema {found!r}, expected {VERDICT_SCHEMA}; it was made by another version of kubedrill. "
            f"Make it again with this one: kubedrill report {path.parent.name}"
        )
    return dict(data)


def _header(path: Path) -> dict[str, Any]:
    """The first line of a record; the rest, many megabytes, is not read."""
    try:
        with path.open("rb") as file:
            kind, header = json.loads(file.readline())
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); the history needs the record's header, which says what host "
            "and nodes the verdict is about. Where its record was removed a run cannot be added any more."
        ) from error
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path} is not a record of kubedrill: its first line is no header ({error})"
        ) from error
    if kind != "header" or not isinstance(header, dict):
        raise UsageError(f"{path} is not a record of kubedrill: its first line is no header")
    return header


def _drill(told: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    facts = dict(header["host"])
    specs = header["probes"]
    control = {spec["name"] for spec in specs if spec["vantage"] == Vantage.CONTROL}
    fired_here = {spec["name"] for spec in specs if spec["vantage"] != Vantage.INSIDE}
    summaries = [probe for probe in told["probes"] if probe["probe"] in control]
    kept = (
        "name",
        "verdict",
        "reason",
        "started",
        "lasted_s",
        "ended",
        "tool_version",
        "samples",
        "failed",
    )
    return {key: told[key] for key in (*kept, "worst_lateness_ms")} | {
        "before": told["kubernetes"],
        "after": _after(told),
        **_labels(facts, header["nodes"]),
        "nodes": header["nodes"],
        "host_lateness_ms": max(
            (
                probe["worst_lateness_ms"]
                for probe in told["probes"]
                if probe["probe"] in fired_here
            ),
            default=0.0,
        ),
        "tick_s": max((spec["interval_s"] for spec in specs), default=0.0),
        "control": _control(summaries[0]) if summaries else None,
        "failed_checks": [check["name"] for check in told["checks"] if check["ok"] is False],
        "host_facts": {
            key: value for key, value in facts.items() if key not in {"replay", "labels"}
        },
        "budgets": [_budget(each) for each in told["predicted"]],
    }


def _labels(facts: dict[str, Any], nodes: list[str]) -> dict[str, str]:
    """What the header says; records of before the history name no roles, so their topology is a count of nodes."""
    given = dict(facts.get("labels", {}))
    labels = {label: str(given.get(label) or UNKNOWN) for label in LABELS}
    if labels["topology"] == UNKNOWN and nodes:
        labels["topology"] = f"{len(nodes)} nodes"
    return labels


def _after(told: dict[str, Any]) -> str:
    goals = [check["expected"] for check in told["checks"] if check["name"] == _UPGRADED]
    if goals:
        return str(goals[0]).removeprefix("v")
    return "" if told["name"].startswith(_UPGRADES) else str(told["kubernetes"])


def _control(summary: dict[str, Any]) -> dict[str, Any]:
    return {
        key: summary[key] for key in ("samples", "failed", "p50_ms", "p99_ms", "worst_lateness_ms")
    }


def _budget(told: dict[str, Any]) -> dict[str, Any]:
    kept = ("probes", "limit_s", "max_failed", "predicted_s", "verdict")
    return {key: told[key] for key in kept} | dict(told["measured"])
