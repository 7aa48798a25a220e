"""Puts all rules together into one verdict; docs/explanation/verdict.md explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.results import (
    DrillVerdict,
    Finding,
    LimitResult,
    Outage,
    ProbeSummary,
    VerdictKind,
)
from kubedrill.verdict import wording
from kubedrill.verdict.advice import advise
from kubedrill.verdict.availability import available_fault
from kubedrill.verdict.effect import judge_effect
from kubedrill.verdict.evidence import find_missing
from kubedrill.verdict.limits import judge_limits, judge_outages
from kubedrill.verdict.prediction import find_unfelt
from kubedrill.verdict.skew import find_skew
from kubedrill.verdict.vantages import describe_excused
from kubedrill.verdict.view import View
from kubedrill.verdict.watch_ledger import describe_watches, judge_watches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubedrill.base.model import ProbeSpec, Record


def judge(record: Record) -> DrillVerdict:
    """The verdict of one drill; depends on nothing but the record.

    ABORTED when the drill was stopped, else FAIL when sound evidence proves that a limit or a check
    was broken, else INCONCLUSIVE when anything is missing or doubtful, else PASS.
    """
    view = View(record)
    judged = judge_outages(view)
    results, broken = judge_limits(view, judged)
    findings = [
        *_ending(record),
        *_checks(record),
        *judge_effect(record),
        *find_skew(record),
        *judge_watches(view),
        *(Finding(VerdictKind.INCONCLUSIVE, text) for text in find_missing(view)),
        *broken,
    ]
    # much is missing from a drill that was stopped
    if any(f.verdict is VerdictKind.ABORTED for f in findings):
        findings = [f for f in findings if f.verdict is not VerdictKind.INCONCLUSIVE]
    outages = sorted(
        (j.outage for items in judged.values() for j in items),
        key=lambda o: (o.first_failed, o.probe),
    )
    verdict = VerdictKind.worst([f.verdict for f in findings] or [VerdictKind.PASS])
    columns = [view.of(spec) for spec in view.cluster_probes]
    return DrillVerdict(
        drill=record.header.drill,
        verdict=verdict,
        reason=_reason(record, verdict, findings, results),
        outages=tuple(outages),
        limits=record.limits,
        checks=record.checks,
        samples=sum(map(len, columns)),
        failed=sum(samples.failed for samples in columns),
        worst_lateness_ms=round(
            max((s.worst_lateness for s in view.samples.values()), default=0) / 1e6, 1
        ),
        results=tuple(results),
        probes=tuple(
            _summary(view, spec, len(view.runs[spec.name])) for spec in record.header.probes
        ),
        findings=tuple(sorted(findings, key=lambda f: -f.verdict.rank)),
        attributed=tuple(_attributed(view, outages)),
        advice=(
            advise(view, judged, results, findings) if verdict is VerdictKind.INCONCLUSIVE else ()
        ),
        notes=(
            *find_unfelt(view, results),
            *describe_watches(record),
            *describe_excused(record.header.probes, view.excused),
        ),
    )


def _ending(record: Record) -> Iterator[Finding]:
    why = f": {wording.one_line(record.reason)}" if record.reason else ""
    if record.ended in {"aborted", "interrupted"}:
        yield Finding(VerdictKind.ABORTED, f"the drill was {record.ended}{why}")
    elif record.ended == "error":
        yield Finding(VerdictKind.INCONCLUSIVE, f"the drill ended with an error{why}")
    elif record.ended == "":
        yield Finding(
            VerdictKind.INCONCLUSIVE, "the record stops without an end: the harness was killed"
        )


def _checks(record: Record) -> Iterator[Finding]:
    for check in record.checks:
        if check.ok is None:
            yield Finding(
                VerdictKind.INCONCLUSIVE,
                f"{check.name} could not be found out: {check.actual or 'nothing'}, expected "
                f"{check.expected}",
            )
        elif check.ok is not True:
            yield Finding(
                VerdictKind.FAIL, f"{check.name}: found {check.actual}, expected {check.expected}"
            )


def _reason(
    record: Record, verdict: VerdictKind, findings: list[Finding], results: list[LimitResult]
) -> str:
    """One sentence: what decided, and how much else speaks the same way."""
    if verdict is not VerdictKind.PASS:
        deciding = [f.text for f in findings if f.verdict is verdict]
        more = (
            f" (and {wording.count(len(deciding) - 1, 'more finding')})"
            if len(deciding) > 1
            else ""
        )
        return f"{deciding[0]}{more}"
    passed = f"{wording.count(len(record.checks), 'check')} passed"
    worst = max((r for r in results if r.failed), key=lambda r: r.longest_s, default=None)
    if worst is None:
        return f"not one request failed and {passed}"
    return f"every outage stayed within its limit and {passed}; longest: {worst.text}"


def _summary(view: View, spec: ProbeSpec, outages: int) -> ProbeSummary:
    samples = view.of(spec)
    failures = [sample for run in view.runs[spec.name] for sample in run.failures]
    fault = view.in_fault[spec.name]
    return ProbeSummary(
        probe=spec.name,
        samples=len(samples),
        failed=len(failures),
        availability=1 - len(failures) / len(samples) if samples else None,
        outages=outages,
        degraded_from=failures[0].fired if failures else None,
        degraded_to=failures[-1].fired if failures else None,
        p50_ms=_ms(samples.ok_percentile(0.5)),
        p99_ms=_ms(samples.ok_percentile(0.99)),
        available_fault=available_fault(view, spec),
        p50_steady_ms=view.before_fault[spec.name].p50_ms,
        p50_fault_ms=fault.p50_ms,
        p99_fault_ms=fault.p99_ms,
        worst_lateness_ms=round(samples.worst_lateness / 1e6, 1),
        steps=view.steps.count(failures),
    )


def _ms(micros: int | None) -> float | None:
    return None if micros is None else micros / 1000


def _attributed(view: View, outages: Sequence[Outage]) -> Iterator[str]:
    """What failed before the steady state, then what each step cost.

    As in "cp2: etcd manifest swap, API writes out for 3.1 s or longer, 31 failed".
    """
    names = wording.probe_names(view.cluster_probes)
    for name, failed in view.failed_before.items():
        yield f"before the steady state, not judged: {names[name]}: {failed:,} failed"
    by_step: dict[str, dict[str, list[Outage]]] = {}
    for outage in outages:
        for step in outage.steps:
            by_step.setdefault(step, {}).setdefault(outage.probe, []).append(outage)
    for step, probes in by_step.items():
        for name, failures in probes.items():
            longest = max(
                (o for o in failures if o.step == step), key=lambda o: o.longest_s, default=None
            )
            failed = sum(o.steps[step] for o in failures)
            if longest is None:
                yield f"{step}, {names[name]}: {failed:,} failed"
                continue
            is_open = longest.open_start or longest.open_end
            length = wording.bounds(longest.shortest_s, longest.longest_s, open_ended=is_open)
            times = f"{len(failures)} times, the longest" if len(failures) > 1 else "for"
            yield f"{step}, {names[name]} out {times} {length}, {failed:,} failed"
