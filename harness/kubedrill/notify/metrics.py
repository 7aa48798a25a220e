"""A cycle as metrics, all of them gauges.

To a file for node_exporter's textfile collector, or to a push gateway.

The file is OpenMetrics, and as it holds gauges only, the older text format of Prometheus as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway
from prometheus_client.openmetrics.exposition import generate_latest

from kubedrill.base.errors import StepFailed
from kubedrill.base.files import replace_file
from kubedrill.base.results import VerdictKind
from kubedrill.notify.summary import lasted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kubedrill.base.document import RunDocument
    from kubedrill.nightly.state import CycleState

_CELL = ("plan", "topology", "versions", "during")
_OUTAGE = ("plan", "drill", "before", "after", "topology", "probes")
_PUSH_S = 30
"""Seconds for the push gateway to answer."""


def registry_of(cycle: CycleState, runs: Iterable[RunDocument]) -> CollectorRegistry:
    """The cycle's metrics; ``runs`` are the history's, of which its own are taken."""
    registry = CollectorRegistry()
    _cells(cycle, registry)
    its_runs = {run for cell in cycle.cells for run in cell.runs}
    _outages(cycle.plan, [run for run in runs if run.run in its_runs], registry)
    began = Gauge(
        "kubedrill_cycle_start_time_seconds", "When the cycle began.", ["plan"], registry=registry
    )
    began.labels(cycle.plan).set(datetime.fromisoformat(cycle.started).timestamp())
    if cycle.ended:
        ended = Gauge(
            "kubedrill_cycle_end_time_seconds", "When it ended.", ["plan"], registry=registry
        )
        ended.labels(cycle.plan).set(datetime.fromisoformat(cycle.ended).timestamp())
    return registry


def _cells(cycle: CycleState, registry: CollectorRegistry) -> None:
    verdict = Gauge(
        "kubedrill_cell_verdict",
        "1 for the cell's verdict, else 0.",
        [*_CELL, "verdict"],
        registry=registry,
    )
    duration = Gauge(
        "kubedrill_cell_duration_seconds", "All parts together.", _CELL, registry=registry
    )
    part = Gauge(
        "kubedrill_part_duration_seconds",
        "One part of a cell.",
        [*_CELL, "part"],
        registry=registry,
    )
    for cell in cycle.cells:
        labels = (cycle.plan, cell.topology, " → ".join(cell.versions), cell.during)
        for kind in VerdictKind:
            verdict.labels(*labels, kind.value).set(cell.verdict is kind)
        duration.labels(*labels).set(lasted(cell))
        for each in cell.parts:
            part.labels(*labels, each.name).set(each.seconds)


def _outages(plan: str, runs: Iterable[RunDocument], registry: CollectorRegistry) -> None:
    longest = Gauge(
        "kubedrill_outage_longest_seconds", "Longest outage, at most.", _OUTAGE, registry=registry
    )
    limit = Gauge("kubedrill_outage_limit_seconds", "What it may be.", _OUTAGE, registry=registry)
    old_limit = Gauge(
        "kubedrill_outage_budget_seconds",
        "Deprecated: kubedrill_outage_limit_seconds.",
        _OUTAGE,
        registry=registry,
    )
    failed = Gauge(
        "kubedrill_failed_requests", "Failed requests of the probes.", _OUTAGE, registry=registry
    )
    for drill in (drill for run in runs for drill in run.drills):
        versions = (drill.kubernetes, drill.kubernetes_after)
        for each in drill.predicted:
            labels = (plan, drill.name, *versions, drill.topology, each.probes)
            longest.labels(*labels).set(each.measured.longest_s)
            limit.labels(*labels).set(each.allowed_s)
            old_limit.labels(*labels).set(each.allowed_s)
            failed.labels(*labels).set(each.measured.failed)


def write_metrics(registry: CollectorRegistry, path: Path) -> None:
    """Write the file in one step: node_exporter, another user, never reads half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, generate_latest(registry), mode=0o644)  # type: ignore[no-untyped-call]


def push_metrics(registry: CollectorRegistry, gateway: str, plan: str) -> None:
    """Replace this plan's metrics on a push gateway (``host:port`` or a URL).

    Raises:
        StepFailed: it cannot be reached or refuses.
    """
    try:
        push_to_gateway(
            gateway,
            job="kubedrill",
            registry=registry,
            grouping_key={"plan": plan},
            timeout=_PUSH_S,
        )
    except (OSError, ValueError) as error:
        raise StepFailed(
            f"the push gateway took no metrics: {error}; expected host:port of one (notify.gateway)"
        ) from error
