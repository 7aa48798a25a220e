"""verdict.json, for programs. Its schema is docs/reference/verdict.schema.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kubedrill.report.run import Run, ended, since

if TYPE_CHECKING:
    from kubedrill.base.model import DrillVerdict, LimitResult, Outage, ProbeSummary, Record

SCHEMA = 1


def verdict_json(run: Run) -> dict[str, Any]:
    """The whole run. Times are seconds from the begin of the drill's record."""
    return {
        "schema": SCHEMA,
        "run": run.name,
        "cluster": run.cluster,
        "seed": run.seed,
        "verdict": run.verdict.value,
        "exit_code": run.verdict.exit_code,
        "drills": [_drill(record, verdict) for record, verdict in run.drills],
        "not_run": [{"name": name, "reason": reason} for name, reason in run.not_run.items()],
    }


def _drill(record: Record, verdict: DrillVerdict) -> dict[str, Any]:
    header = record.header
    return {
        "name": verdict.drill,
        "title": header.title,
        "verdict": verdict.verdict.value,
        "reason": verdict.reason,
        "started": header.started,
        "lasted_s": since(record, ended(record)),
        "kubernetes": header.kubernetes,
        "tool_version": header.tool_version,
        "app": str(header.host.get("labels", {}).get("app", "")),
        "seed": header.seed,
        "targets": list(header.targets),
        "ended": record.ended,
        "predicted": [_predicted(result) for result in verdict.results],
        "outages": [_outage(record, outage) for outage in verdict.outages],
        "probes": [_probe(record, summary) for summary in verdict.probes],
        "checks": [asdict(check) for check in verdict.checks],
        "findings": [{"verdict": f.verdict.value, "text": f.text} for f in verdict.findings],
        "attributed": list(verdict.attributed),
        "samples": verdict.samples,
        "failed": verdict.failed,
        "worst_lateness_ms": verdict.worst_lateness_ms,
    }


def _predicted(result: LimitResult) -> dict[str, Any]:
    """A limit with the prediction, and what was measured beside it."""
    limit = result.limit
    return {
        "probes": limit.probes,
        "covers": list(result.probes),
        "predicted_s": limit.predicted_s,
        "because": list(limit.because),
        "limit_s": limit.limit_s,
        "max_failed": limit.max_failed,
        "measured": {
            "shortest_s": result.shortest_s,
            "longest_s": result.longest_s,
            "open_ended": result.open_ended,
            "failed": result.failed,
        },
        "verdict": result.verdict.value,
        "text": result.text,
    }


def _outage(record: Record, outage: Outage) -> dict[str, Any]:
    return {
        "probe": outage.probe,
        "from_s": since(record, outage.first_failed),
        "to_s": since(record, outage.last_failed),
        "shortest_s": outage.shortest_s,
        "longest_s": outage.longest_s,
        "open_start": outage.open_start,
        "open_end": outage.open_end,
        "failed": outage.failed,
        "outcomes": outage.outcomes,
        "step": outage.step,
        "steps": outage.steps,
        "doubt": outage.doubt,
    }


def _probe(record: Record, summary: ProbeSummary) -> dict[str, Any]:
    values = asdict(summary)
    for name in ("degraded_from", "degraded_to"):
        time = values.pop(name)
        values[f"{name}_s"] = None if time is None else since(record, time)
    return values
