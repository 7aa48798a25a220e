"""Judges each limit: its probes' worst outage, and the count of their failed requests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, OutageLimit, ProbeSpec
from kubedrill.base.results import Finding, LimitResult, Outage, VerdictKind
from kubedrill.verdict import wording
from kubedrill.verdict.attribution import during
from kubedrill.verdict.availability import available_fault, find_shortfalls
from kubedrill.verdict.latency import find_slowness
from kubedrill.verdict.outages import Run, seconds
from kubedrill.verdict.prediction import cap_least, felt_s
from kubedrill.verdict.soundness import find_doubt, is_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.verdict.view import View

PASS, FAIL, INCONCLUSIVE = VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Judged:
    """One outage with what speaks against using it as proof."""

    outage: Outage
    sound_failed: int  # failed requests that nothing else explains
    late_s: float  # how late the latest tick around it was fired, if more than half an interval
    is_open: bool  # it may have lasted longer than what the record shows
    blind_s: float = (
        0.0  # when all of it lies in blind time: how long that was, for so long it may have lasted
    )

    def against(self, limit_s: float) -> VerdictKind:
        """FAIL when surely longer than the limit, PASS when surely within, else INCONCLUSIVE."""
        if self.outage.sound_s > limit_s:
            return FAIL
        within = max(self.outage.longest_s + self.late_s, self.blind_s) <= limit_s
        return PASS if within and not self.is_open and not self.outage.doubt else INCONCLUSIVE


def judge_outages(view: View) -> dict[str, list[Judged]]:
    """All outages of each probe of the cluster."""
    return {
        s.name: [_judged(view, s, run) for run in view.runs[s.name]] for s in view.cluster_probes
    }


def judge_limits(
    view: View, outages: dict[str, list[Judged]]
) -> tuple[list[LimitResult], list[Finding]]:
    """The result of each limit, and findings for all that was not kept or could not be judged."""
    findings = list(_uncovered(view, outages))
    results = []
    for limit, probes in covered(view):
        if not probes:
            matched = any(fnmatchcase(spec.name, limit.probes) for spec in view.cluster_probes)
            why = "is hidden by those before it" if matched else "matches no probe of this record"
            text = f"the outage limit for {limit.probes} {why}"
            results.append(LimitResult(limit, (), INCONCLUSIVE, 0.0, 0.0, False, 0, 0, text))
            findings.append(Finding(INCONCLUSIVE, text))
            continue
        result = _result(view, limit, probes, [j for name in probes for j in outages[name]])
        more = sorted(_shortfalls(view, result), key=lambda finding: -finding.verdict.rank)
        if result.verdict is not PASS:
            findings.append(Finding(result.verdict, result.text))
        if more:
            result = replace(result, verdict=more[0].verdict, text=more[0].text)
        results.append(result)
        findings += more
    return results, findings


def _shortfalls(view: View, result: LimitResult) -> Iterator[Finding]:
    """Availability and latency, where they are worse than what outages and counts have said."""
    if result.verdict is FAIL:
        return
    names = wording.probe_names(view.cluster_probes)
    for name in result.probes:
        for find in (find_shortfalls, find_slowness):
            for verdict, text in find(view, result.limit, name):
                if verdict.rank > result.verdict.rank:
                    yield Finding(verdict, f"{names[name]}: {text}")


def covered(view: View) -> list[tuple[OutageLimit, tuple[str, ...]]]:
    """Each limit with its probes: the first limit that matches a probe is the one that counts."""
    left = [spec.name for spec in view.cluster_probes]
    results = []
    for limit in view.record.limits:
        covered = tuple(name for name in left if fnmatchcase(name, limit.probes))
        left = [name for name in left if name not in covered]
        results.append((limit, covered))
    return results


def _uncovered(view: View, outages: dict[str, list[Judged]]) -> Iterator[Finding]:
    if not view.record.limits:
        yield Finding(INCONCLUSIVE, "the record has no outage limit to judge by")
        return
    known = {name for _, probes in covered(view) for name in probes}
    for name, judged in outages.items():
        failed = sum(j.outage.failed for j in judged)
        if name not in known:
            yield Finding(
                INCONCLUSIVE,
                f"no outage limit covers probe {name}, of which "
                f"{wording.count(failed, 'request')} failed",
            )


def _result(
    view: View, limit: OutageLimit, probes: tuple[str, ...], judged: list[Judged]
) -> LimitResult:
    names = wording.probe_names(view.cluster_probes)
    requests = sum(len(view.of(view.specs[name])) for name in probes)
    failed = sum(j.outage.failed for j in judged)
    by_length = [(j.against(limit.allowed_s), j) for j in judged]
    by_count = _count_verdict(limit, failed, sum(j.sound_failed for j in judged))
    verdict = VerdictKind.worst([kind for kind, _ in by_length] + [by_count])
    worst = max(by_length, key=lambda pair: (pair[0].rank, pair[1].outage.longest_s), default=None)
    text = _text(
        limit,
        names,
        worst,
        by_count,
        f"{failed:,} of {requests:,} requests of {limit.probes} failed",
    )
    in_fault = [view.in_fault[name] for name in probes]
    available = [available_fault(view, view.specs[name]) for name in probes]
    result = LimitResult(
        cap_least(view, limit),
        probes,
        verdict,
        0.0,
        0.0,
        False,
        requests,
        failed,
        text,
        available_fault=min((each for each in available if each is not None), default=None),
        p50_fault_ms=max((each.p50_ms for each in in_fault if each.p50_ms), default=None),
        p99_fault_ms=max((each.p99_ms for each in in_fault if each.p99_ms), default=None),
        felt_s=felt_s(view, probes),
    )
    if worst is None:
        return result
    outage = worst[1].outage
    return replace(
        result,
        shortest_s=outage.shortest_s,
        longest_s=outage.longest_s,
        open_ended=outage.open_start or outage.open_end,
    )


def _count_verdict(limit: OutageLimit, failed: int, sound: int) -> VerdictKind:
    if limit.max_failed is None or failed <= limit.max_failed:
        return PASS
    return FAIL if sound > limit.max_failed else INCONCLUSIVE


def _text(
    limit: OutageLimit,
    names: dict[str, str],
    worst: tuple[VerdictKind, Judged] | None,
    by_count: VerdictKind,
    failed: str,
) -> str:
    """One sentence about what decided."""
    text = f"limit {limit.allowed_s:g} s"
    if limit.source == "baseline":
        text += f" (baseline: {limit.limit_because}; objective {limit.limit_s:g} s)"
    if worst is None:
        return f"no request of {limit.probes} failed"
    kind, judged = worst
    description = wording.outage(judged.outage, names)
    step = f" {during(judged.outage.steps)}"
    if by_count is not PASS and kind is not FAIL:
        doubt = "" if by_count is FAIL else ", but not all of them can be laid to the cluster"
        counts = f"{failed}, {limit.max_failed} allowed"
        return f"{counts}{doubt}; worst: {description}{step}"
    if kind is FAIL:
        return f"{description}{step}, {text}"
    if kind is PASS:
        return f"{description}{step}, within the {text}"
    return f"{description}{step}, {text}: {_why_unsure(judged, limit.allowed_s)}"


def _why_unsure(judged: Judged, limit_s: float) -> str:
    outage = judged.outage
    if outage.doubt:
        return outage.doubt
    if outage.open_end:
        return "it had not ended when the probe stopped"
    if outage.open_start:
        return "it had begun before the first answer"
    return (
        _why_blind(judged, limit_s)
        or "the limit lies between the bounds, so the samples do not decide it"
    )


def _why_blind(judged: Judged, limit_s: float) -> str:
    """What the host or late ticks took away from an outage; "" when nothing that matters."""
    outage = judged.outage
    if judged.blind_s > limit_s:
        return (
            f"it lies in {judged.blind_s:.1f} s of blind time: the harness host was slow, or "
            f"ticks were late"
        )
    if outage.longest_s <= limit_s:
        return f"ticks were up to {judged.late_s:.2f} s late then, so it may have been longer"
    if outage.shortest_s > limit_s:
        return (
            f"only {outage.sound_s:.1f} s on end of it can be laid to the cluster; "
            "else the harness host was slow, or ticks were late"
        )
    return ""


def _judged(view: View, spec: ProbeSpec, run: Run) -> Judged:
    failures = run.failures
    sound = [s for s in failures if is_sound(view, spec, s)]
    steps = view.steps.count(failures)
    late = view.lateness(spec, run)
    outage = Outage(
        probe=spec.name,
        first_failed=failures[0].fired,
        last_failed=failures[-1].fired,
        shortest_s=seconds(run.shortest),
        longest_s=seconds(run.upper - run.lower + (view.uncertainty(spec) or 0)),
        failed=len(failures),
        outcomes=dict(Counter(s.outcome for s in failures)),
        step=max(steps, key=lambda name: steps[name]),
        steps=steps,
        open_start=run.open_start,
        open_end=run.open_end,
        sound_s=seconds(run.sound_ns(lambda s, before: is_sound(view, spec, s, before))),
        doubt=find_doubt(view, spec, run),
    )
    # what was over before the drill touched the cluster began before anybody watched: only what was
    # seen counts
    is_open = run.open_end or (
        run.open_start and (view.touched is None or run.upper >= view.touched[0])
    )
    late_s = late / NS if late > spec.interval_s * NS / 2 else 0.0
    start, end = view.blind(spec).widened(run.lower, run.upper)  # with all late ticks around it
    return Judged(outage, len(sound), late_s, is_open, 0.0 if sound else seconds(end - start))
