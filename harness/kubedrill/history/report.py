"""Trends for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubedrill.history.trends import Trend, Trends

SCHEMA = 1


def trends_json(trends: Trends) -> dict[str, Any]:
    """The rules, the level that each series had to reach, and every series with its nights."""
    return {
        "schema": SCHEMA,
        "test": "pre-whitened least squares (exact rank sum where tied), Tarone's correction",
        "rules": asdict(trends.rules),
        "level": trends.level,
        "worse": len(trends.worse),
        "series": [_trend(trend) for trend in trends.trends],
    }


def _trend(trend: Trend) -> dict[str, Any]:
    series = trend.series
    return {
        **series.key._asdict(),
        "measure": series.measure,
        "unit": series.unit,
        "limit": series.limit,
        "budget": series.limit,  # what "limit" was called before 0.2
        "over": trend.over,
        "usable": trend.usable,
        "latest": trend.latest,
        "median": trend.median,
        "worst": trend.worst,
        "median_before": trend.median_before,
        "median_recent": trend.median_recent,
        "recent": trend.recent,
        "p": trend.p,
        "change": trend.change.value,
        "note": trend.note,
        "nights": [
            {
                "run": night.run,
                "started": night.started.isoformat(),
                "value": night.value,
                "over": night.over,
                "aside": night.aside,
            }
            for night in series.nights
        ],
    }
