"""index.html of a load test: one page with its own styles and plots.

No script, and it loads nothing.

A pure function of load.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedrill.report.load_charts import latency_chart, replica_chart, throughput_chart
from kubedrill.report.page import ASSETS, stylesheet, templates

if TYPE_CHECKING:
    from collections.abc import Mapping


def load_page_html(result: Mapping[str, Any]) -> str:
    """Return the whole page. All text of the result is escaped.

    ``result`` is what ``load.json`` holds (docs/how-to/load-test.md).
    """
    environment = templates()
    environment.filters["ms"] = _milliseconds
    environment.filters["bounds"] = _bounds
    return environment.get_template("load.html.j2").render(
        result=result,
        style=stylesheet(ASSETS / "style.css", ASSETS / "load.css"),
        throughput=throughput_chart(result) if result["steps"] else "",
        latency=latency_chart(result) if result["steps"] else "",
        replicas=[
            replica_chart(result, s) if result["steps"] and s["replicas"] else ""
            for s in result["autoscalers"]
        ],
    )


def _milliseconds(value: float | None) -> str:
    """Milliseconds for people.

    >>> _milliseconds(12.34), _milliseconds(1234.5), _milliseconds(None)
    ('12.3 ms', '1,234 ms', 'for ever')
    """
    if value is None:
        return "for ever"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _bounds(value: tuple[float, float] | None) -> str:
    """Seconds with their bounds, for people.

    >>> _bounds((31.04, 32.1)), _bounds((40.0, 40.0)), _bounds(None)
    ('31.0 to 32.1 s', '40.0 s', 'not seen')
    """
    if value is None:
        return "not seen"
    low, high = (f"{seconds:.1f}" for seconds in value)
    return f"{low} s" if low == high else f"{low} to {high} s"
