"""What the site shows, as plain data: runs, trends, the matrix, nightly cycles.

Runs are the history's documents and cycles are cycle.json, each with links to what is beside them.
Pure, but for reading cycles' files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import UsageError
from kubedrill.base.redact import redact_value
from kubedrill.base.results import VerdictKind
from kubedrill.history.trends import Rules, find_trends
from kubedrill.nightly.state import all_cycles, read_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from kubedrill.base.document import RunDocument
    from kubedrill.base.drill_entry import DrillEntry
    from kubedrill.history.trends import Trend

FORMAT = 2

STALE = timedelta(days=14)
"""A drill that was last run so long before the newest run is not known to pass today."""

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


def site_data(runs: Sequence[RunDocument], places: Places, made: str) -> dict[str, Any]:
    """All that the pages need. Runs are newest first; ``made`` is when, for people."""
    newest = list(reversed(runs))
    positions = {run.run: number for number, run in enumerate(newest)}
    trends = find_trends(runs, Rules())
    return {
        "format": FORMAT,
        "made": made,
        "runs": [_run(run, places) for run in newest],
        "matrix": _matrix(newest),
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


def _matrix(newest: Sequence[RunDocument]) -> list[dict[str, Any]]:
    """For each pair of versions and topology, the latest verdict of each drill, and the worst.

    A drill on another network or host, or with another application, is one of its own. A PASS from
    long before the newest run says nothing of today: it is stale, and INCONCLUSIVE in the worst.
    """
    cells: dict[tuple[str, str, str], dict[tuple[str, ...], DrillEntry]] = {}
    for run in newest:
        for drill in run.drills:
            key = (drill.kubernetes, drill.kubernetes_after, drill.topology)
            variant = (drill.name, drill.network, drill.app, drill.host)
            drills = cells.setdefault(key, {})
            if variant not in drills or drills[variant].began < drill.began:
                drills[variant] = drill
    today = max(
        (drill.began for drills in cells.values() for drill in drills.values()), default=None
    )
    return [
        _cell(key, [drill for _, drill in sorted(drills.items())], today)
        for key, drills in sorted(cells.items())
        if today is not None
    ]


def _cell(
    key: tuple[str, str, str], drills: Sequence[DrillEntry], today: datetime
) -> dict[str, Any]:
    before, after, topology = key
    stale = [today - drill.began > STALE for drill in drills]
    verdicts = [
        VerdictKind.INCONCLUSIVE if old and drill.verdict is VerdictKind.PASS else drill.verdict
        for drill, old in zip(drills, stale, strict=True)
    ]
    return {
        "before": before,
        "after": after,
        "topology": topology,
        "verdict": VerdictKind.worst(verdicts).value,
        "latest": max(drill.started for drill in drills)[:10],
        "oldest": min(drill.started for drill in drills)[:10],
        "verdicts": [drill.verdict.value for drill in drills],
        "drills": [
            {
                "name": drill.name,
                "variant": ", ".join(filter(None, (drill.network, drill.app, drill.host))),
                "verdict": drill.verdict.value,
                "last": drill.started[:10],
                "stale": old,
            }
            for drill, old in zip(drills, stale, strict=True)
        ],
    }


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
