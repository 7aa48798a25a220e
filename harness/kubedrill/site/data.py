"""What the site shows, as plain data: runs, trends, the matrix, nightly cycles.

Runs are the history's documents and cycles are cycle.json, each with links to what is beside them.
Pure, but for reading cycles' files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import UsageError
from kubedrill.base.redact import redact_value
from kubedrill.history.trends import Rules, find_trends
from kubedrill.nightly.state import all_cycles, read_state
from kubedrill.site.matrix import STALE, make_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from kubedrill.base.document import RunDocument
    from kubedrill.history.trends import Trend

FORMAT = 2

_UNUSED_OF_DRILL = (
    *("title", "ended", "leaves", "tool_version", "nodes", "host_facts", "seed", "targets"),
    *(
        "outages",
        "probes",
        "findings",
        "attributed",
        "advice",
        "notes",
        "tick_s",
        "host_lateness_ms",
    ),
)
_UNUSED_OF_LIMIT = ("covers", "because", "text")
_UNUSED: Any = {
    "drills": {
        "__all__": {
            **dict.fromkeys(_UNUSED_OF_DRILL, True),
            "predicted": {"__all__": set(_UNUSED_OF_LIMIT)},
        }
    }
}
"""Parts of a document that no page shows: with 2,000 runs they would be most of the data."""


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


def site_data(runs: Sequence[RunDocument], places: Places, made: datetime) -> dict[str, Any]:
    """All that the pages need. Runs are newest first; ``made`` is the time that they tell of."""
    newest = list(reversed(runs))
    positions = {run.run: number for number, run in enumerate(newest)}
    trends = find_trends(runs, Rules(), made)
    return {
        "format": FORMAT,
        "made": f"{made.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "runs": [_run(run, places) for run in newest],
        "matrix": make_matrix(runs, made),
        "trends": [_trend(trend, positions) for trend in trends.trends],
        "rules": {
            "least": trends.rules.least,
            "alarm_rate": trends.rules.alarm_rate,
            "level": trends.level,
            "stale_days": STALE.days,
        },
        "cycles": _cycles(places),
    }


def _run(run: RunDocument, places: Places) -> dict[str, Any]:
    folder = places.reports / run.run
    return {
        **_without_secrets(run.model_dump(mode="json", exclude=_UNUSED)),
        "started": run.started[:16].replace("T", " "),
        "report": places.link(folder / "index.html"),
        "logs": [
            {"name": path.name, "link": places.link(path)}
            for path in sorted((folder / "record").glob("*.log"))
        ],
    }


def _without_secrets(run: dict[str, Any]) -> dict[str, Any]:
    """Clean others' words in a run of before 0.2; the rest is numbers and fixed words."""
    for part in ("drills", "not_run"):
        run[part] = [
            each | redact_value({name: each[name] for name in ("reason", "checks") if name in each})
            for each in run[part]
        ]
    return run


def _trend(trend: Trend, positions: dict[str, int]) -> dict[str, Any]:
    series = trend.series
    return {
        **series.key._asdict(),
        "measure": series.measure,
        "unit": series.unit,
        "limit": series.limit,
        "change": trend.change.value,
        "note": trend.note,
        "usable": trend.usable,
        "over": trend.over,
        "latest": trend.latest,
        "median": trend.median,
        "worst": trend.worst,
        "nights": [
            {
                "run": positions[night.run],
                "value": round(night.value, 3),
                "over": night.over,
                "aside": night.aside,
            }
            for night in series.nights
        ],
    }


def _cycles(places: Places) -> list[dict[str, Any]]:
    """Nightly cycles, newest first; a file that is none of ours is left out."""
    cycles = []
    for folder in reversed(all_cycles(places.reports / "nightly")):
        try:
            cycle = read_state(folder).model_dump(mode="json")
        except UsageError:
            continue
        for cell in cycle["cells"]:
            cell["diagnostics"] = cell["diagnostics"] and places.link(folder / cell["diagnostics"])
            for part in cell["parts"]:
                part["log"] = part["log"] and places.link(folder / part["log"])
        cycles.append(cycle)
    return cycles
