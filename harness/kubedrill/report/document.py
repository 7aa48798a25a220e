"""Makes the run document, which is verdict.json, of a run's records and verdicts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kubedrill.base.document import RunDocument
from kubedrill.base.drill_entry import DrillEntry, ProbeEntry
from kubedrill.base.header_facts import header_facts
from kubedrill.base.model import CheckId, Leaves
from kubedrill.report.run import Run, ended, since, started_at

if TYPE_CHECKING:
    from kubedrill.base.model import Record
    from kubedrill.base.results import DrillVerdict, LimitResult, Outage, ProbeSummary


def make_document(run: Run) -> RunDocument:
    """The whole run. Times are seconds from the begin of the drill's record."""
    return RunDocument.model_validate(
        {
            "run": run.name,
            "cluster": run.cluster,
            "seed": run.seed,
            "verdict": run.verdict,
            "exit_code": run.verdict.exit_code,
            "drills": [
                _drill(record, verdict, run.seals.get(record.header.drill, ""))
                for record, verdict in run.drills
            ],
            "not_run": [
                {"name": name, "reason": reason, "missing": name in run.missing}
                for name, reason in run.without_verdict.items()
            ],
            "interrupted": run.interrupted,
        }
    )


def _drill(record: Record, verdict: DrillVerdict, seal: str) -> DrillEntry:
    header = record.header
    probes = [ProbeEntry(**_probe(record, summary)) for summary in verdict.probes]
    return DrillEntry.model_validate(
        {
            "name": verdict.drill,
            "title": header.title,
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "started": header.started if started_at(record) else "",
            "lasted_s": since(record, ended(record)),
            "kubernetes": header.kubernetes,
            "kubernetes_after": _version_after(record),
            "leaves": header.leaves,
            "tool_version": header.tool_version,
            **header_facts(asdict(header), probes),
            "seed": header.seed,
            "targets": header.targets,
            "ended": record.ended,
            "predicted": [_limit(result) for result in verdict.results],
            "outages": [_outage(record, outage) for outage in verdict.outages],
            "probes": probes,
            "checks": [asdict(check) for check in verdict.checks],
            "findings": [asdict(finding) for finding in verdict.findings],
            "attributed": verdict.attributed,
            "advice": [asdict(advice) for advice in verdict.advice],
            "notes": verdict.notes,
            "samples": verdict.samples,
            "failed": verdict.failed,
            "worst_lateness_ms": verdict.worst_lateness_ms,
            "record_sha256": seal,
        }
    )


def _version_after(record: Record) -> str:
    """The Kubernetes version that the drill left; empty where its upgrade did not come so far."""
    if record.header.leaves is not Leaves.UPGRADED:
        return record.header.kubernetes
    reached = [check.expected for check in record.checks if check.id == CheckId.UPGRADED]
    return reached[0].removeprefix("v") if reached else ""


def _limit(result: LimitResult) -> dict[str, Any]:
    """An outage limit with the prediction, and what was measured beside it."""
    return {
        **asdict(result.limit),
        "source": result.limit.source,
        "covers": result.probes,
        "measured": {
            "shortest_s": result.shortest_s,
            "longest_s": result.longest_s,
            "open_ended": result.open_ended,
            "requests": result.requests,
            "failed": result.failed,
            "available_fault": result.available_fault,
            "p50_fault_ms": result.p50_fault_ms,
            "p99_fault_ms": result.p99_fault_ms,
            "felt_s": result.felt_s,
        },
        "verdict": result.verdict,
        "text": result.text,
    }


def _outage(record: Record, outage: Outage) -> dict[str, Any]:
    values = asdict(outage)
    del values["sound_s"]
    values["from_s"] = since(record, values.pop("first_failed"))
    values["to_s"] = since(record, values.pop("last_failed"))
    return values


def _probe(record: Record, summary: ProbeSummary) -> dict[str, Any]:
    values = asdict(summary)
    for name in ("degraded_from", "degraded_to"):
        time = values.pop(name)
        values[f"{name}_s"] = None if time is None else since(record, time)
    return values
