"""What the site shows, as plain data: runs, trends, the matrix, nightly cycles.

Pure, but for reading cycles' files.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubedrill.base.model import VerdictKind
from kubedrill.history.trends import Rules, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from kubedrill.history.entry import DrillEntry, RunEntry
    from kubedrill.history.trends import Trend

FORMAT = 1
_BUDGET = (
    "probes",
    "limit_s",
    "max_failed",
    "predicted_s",
    "shortest_s",
    "longest_s",
    "open_ended",
    "failed",
)
_LABELS = ("before", "after", "topology", "network", "host", "app")


@dataclass(frozen=True)
class Places:
    """Where the site and the reports are; links between them are relative."""

    site: Path
    reports: Path

    def link(self, target: Path) -> str:
        """A relative URL, "" where there is nothing to link to."""
        if not target.exists():
            return ""
        return os.path.relpath(target.resolve(), self.site.resolve()).replace(os.sep, "/")


def site_data(runs: Sequence[RunEntry], places: Places, made: str) -> dict[str, Any]:
    """All that the pages need. Runs are newest first; ``made`` is when, for people."""
    newest = list(reversed(runs))
    positions = {run.run: number for number, run in enumerate(newest)}
    found = look(runs, Rules())
    return {
        "format": FORMAT,
        "made": made,
        "runs": [_run(run, places) for run in newest],
        "matrix": _matrix(newest),
        "trends": [_trend(trend, positions) for trend in found.trends],
        "rules": {
            "least": found.rules.least,
            "alarm_rate": found.rules.alarm_rate,
            "level": found.level,
        },
        "cycles": _cycles(places),
    }


def _run(run: RunEntry, places: Places) -> dict[str, Any]:
    return {
        "run": run.run,
        "cluster": run.cluster,
        "seed": run.seed,
        "verdict": run.verdict.value,
        "started": run.started.strftime("%Y-%m-%d %H:%M") if run.started else "",
        "report": places.link(places.reports / run.run / "index.html"),
        "logs": [
            [path.name, places.link(path)]
            for path in sorted((places.reports / run.run / "record").glob("*.log"))
        ],
        "drills": [_drill(drill) for drill in run.drills],
        "missed": [[missed.name, missed.reason] for missed in run.not_run],
    }


def _drill(drill: DrillEntry) -> dict[str, Any]:
    return {
        "name": drill.name,
        "verdict": drill.verdict.value,
        "reason": drill.reason,
        "lasted": round(drill.lasted_s, 1),
        "samples": drill.samples,
        "failed": drill.failed,
        "late": round(drill.worst_lateness_ms, 1),
        "control": round(drill.control.p50_ms, 3)
        if drill.control and drill.control.p50_ms is not None
        else None,
        "labels": [getattr(drill, name) for name in _LABELS],
        "checks": list(drill.failed_checks),
        "budgets": [
            [*(_short(getattr(budget, name)) for name in _BUDGET), budget.verdict.value]
            for budget in drill.budgets
        ],
    }


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _matrix(newest: Iterable[RunEntry]) -> list[dict[str, Any]]:
    """For each pair of versions and topology, the latest verdict of each drill, and the worst of those."""
    cells: dict[tuple[str, str, str], dict[str, tuple[DrillEntry, str]]] = {}
    for run in newest:
        for drill in run.drills:
            cell = cells.setdefault((drill.before, drill.after, drill.topology), {})
            cell.setdefault(drill.name, (drill, run.run))
    return [
        {
            "before": before,
            "after": after,
            "topology": topology,
            "verdict": VerdictKind.worst([drill.verdict for drill, _ in drills.values()]).value,
            "latest": max(drill.started for drill, _ in drills.values()).strftime("%Y-%m-%d"),
            "drills": [
                [name, drill.verdict.value, run] for name, (drill, run) in sorted(drills.items())
            ],
        }
        for (before, after, topology), drills in sorted(cells.items())
    ]


def _trend(trend: Trend, positions: dict[str, int]) -> dict[str, Any]:
    series = trend.series
    return {
        "key": list(series.key),
        "measure": series.measure,
        "unit": series.unit,
        "budget": series.budget,
        "change": trend.change.value,
        "note": trend.note,
        "usable": trend.usable,
        "over": trend.over,
        "latest": _short(trend.latest),
        "median": _short(trend.median),
        "worst": _short(trend.worst),
        "nights": [
            [positions[night.run], _short(night.value), int(night.over), night.aside]
            for night in series.nights
        ],
    }


def _cycles(places: Places) -> list[dict[str, Any]]:
    """Nightly cycles, newest first; a file that is none of ours is left out."""
    found = []
    for path in sorted((places.reports / "nightly").glob("*/cycle.json"), reverse=True):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found.append(_cycle(data, path.parent, places))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _cycle(data: dict[str, Any], folder: Path, places: Places) -> dict[str, Any]:
    kept = ("key", "topology", "versions", "during", "verdict", "reason", "runs", "kept")
    return {
        "cycle": data["cycle"],
        "plan": data["plan"],
        "started": data["started"],
        "ended": data["ended"],
        "stopped": data["stopped"],
        "cells": [
            {name: cell[name] for name in kept}
            | {
                "artefacts": places.link(folder / cell["artefacts"])
                if cell.get("artefacts")
                else ""
            }
            | {
                "parts": [
                    [
                        part["name"],
                        part["seconds"],
                        _result(part),
                        part["reason"],
                        _log(part, folder, places),
                    ]
                    for part in cell["parts"]
                ]
            }
            for cell in data["cells"]
        ],
    }


def _result(part: dict[str, Any]) -> str:
    """How a part ended; one whose drills did not pass has failed no more than they did."""
    verdict = part.get("verdict") if part["result"] == "failed" else None
    return str(verdict or part["result"])


def _log(part: dict[str, Any], folder: Path, places: Places) -> str:
    return places.link(folder / part["log"]) if part["log"] else ""
