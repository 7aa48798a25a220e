"""Makes run documents of what the history kept before 0.2: a line of an export, or its tables."""

from __future__ import annotations

from typing import Any

from kubedrill.base import before
from kubedrill.base.document import RunDocument
from kubedrill.base.results import VerdictKind

_MEASURED = ("shortest_s", "longest_s", "open_ended", "failed")


def document_of(entry: dict[str, Any]) -> RunDocument:
    """Make the document of an entry of format 1.

    Raises:
        ValidationError: values are missing or impossible.
        KeyError, TypeError, AttributeError, ValueError: it is no such entry.
    """
    run = {key: entry[key] for key in ("run", "cluster", "seed", "verdict", "not_run")}
    return RunDocument.model_validate(
        {
            **run,
            "exit_code": VerdictKind(entry["verdict"]).exit_code,
            "drills": [_drill(drill) for drill in entry["drills"]],
        }
    ).condensed()


def _drill(entry: dict[str, Any]) -> dict[str, Any]:
    blank = dict.fromkeys(("targets", "outages", "probes", "findings", "attributed"), ())
    drill = {**blank, "title": "", "seed": 0, **entry}
    drill["reason"] = drill["reason"] or "not recorded"
    drill["kubernetes"] = drill.pop("before")
    drill["kubernetes_after"] = drill.pop("after")
    drill["leaves"] = before.leaves(drill["name"])
    drill["checks"] = [
        {
            "name": name,
            "ok": False,
            "found": "",
            "expected": "",
            "id": before.CHECK_IDS.get(name, ""),
        }
        for name in drill.pop("failed_checks")
    ]
    drill["predicted"] = [_limit(budget) for budget in drill.pop("budgets")]
    return drill


def _limit(budget: dict[str, Any]) -> dict[str, Any]:
    limit = {"covers": (), "because": (), "text": "", **budget}
    limit["measured"] = {name: limit.pop(name) for name in _MEASURED}
    return limit
