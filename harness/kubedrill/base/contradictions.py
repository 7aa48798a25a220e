"""What in a run document contradicts the rest of it: it was edited, forged or put together.

No kubedrill ever wrote what :func:`find_contradictions` names. What an older one may have written,
and today's would not call so, is no contradiction: :func:`lower_verdicts` lowers it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import parse_version
from kubedrill.base.mistakes import shown
from kubedrill.base.model import Leaves
from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.document import RunDocument
    from kubedrill.base.drill_entry import ControlEntry, DrillEntry, LimitEntry, ProbeEntry

PASS, FAIL, INCONCLUSIVE, ABORTED = (
    *(VerdictKind.PASS, VerdictKind.FAIL),
    *(VerdictKind.INCONCLUSIVE, VerdictKind.ABORTED),
)

_RUN = re.compile(r"\d{8}T\d{6}Z-(\d{1,20})")
"""A run's id: when it began, and its seed. A folder that was renamed has another one."""

_BEFORE, _AFTER = timedelta(days=1), timedelta(days=30)
"""A drill that began so long before its run, or after it, was dated by another clock."""

_ROUNDED_S = 0.002
"""Of two times that were rounded to the millisecond each."""

_ENDED = {"completed": PASS, "aborted": ABORTED, "interrupted": ABORTED}
"""The best verdict of a drill that ended so; INCONCLUSIVE for all other ends."""


def find_contradictions(run: RunDocument) -> tuple[str, ...]:
    """Return each field that the rest contradicts, with what was found and what was expected.

    None where the document is sound. One that the history condensed shows less of them.
    """
    drills = [
        f"drills.{number}.{text}"
        for number, drill in enumerate(run.drills)
        for text in _of_drill(drill)
    ]
    return (*_of_run(run), *drills)


def lower_verdicts(run: RunDocument) -> RunDocument:
    """Return the run with no better verdict than its parts allow, nor a date that was not its own.

    A PASS is INCONCLUSIVE where a drill was not run, an upgrade left no newer version, or the
    document contradicts itself.
    """
    forged = next(iter(find_contradictions(run)), "")
    drills = tuple(_lowered(run, drill, forged) for drill in run.drills)
    kinds = [run.verdict, *(drill.verdict for drill in drills)]
    kinds += [INCONCLUSIVE] if run.not_run or forged else []
    worst = VerdictKind.worst([*kinds, *_stopped(run)])
    if drills == run.drills and worst is run.verdict:
        return run
    changes = {"drills": drills, "verdict": worst, "exit_code": worst.exit_code}
    return run.model_copy(update=changes)


def _lowered(run: RunDocument, drill: DrillEntry, forged: str) -> DrillEntry:
    before, after = _plain(drill.kubernetes), _plain(drill.kubernetes_after)
    unchanged = drill.leaves is Leaves.UPGRADED and (
        after in {"", before} or parse_version(after) < parse_version(before)
    )
    why = f"its document contradicts itself: {forged}" if forged else ""
    why = why or ("an upgrade that left no newer version proves nothing" if unchanged else "")
    changes = {}
    if why and drill.verdict is PASS:
        changes = {"verdict": INCONCLUSIVE, "reason": why}
    if drill.started and not _is_of_run(run.run, drill.began):
        changes["started"] = ""
    return drill.model_copy(update=changes) if changes else drill


def _is_of_run(name: str, began: datetime) -> bool:
    """Whether a drill began about when the name of its run says; true where it says nothing."""
    try:
        time = datetime.strptime(name.partition("Z-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return True
    return -_BEFORE <= began - time <= _AFTER


def _stopped(run: RunDocument) -> list[VerdictKind]:
    return [ABORTED] if run.interrupted else []


def _of_run(run: RunDocument) -> Iterator[str]:
    worst = VerdictKind.worst([*(drill.verdict for drill in run.drills), *_stopped(run)])
    if worst.rank > run.verdict.rank:
        why = "the run was interrupted" if run.interrupted else "no drill came to more"
        yield f"verdict: found {run.verdict.value}, expected {worst.value}: {why}"
    if run.verdict is FAIL and worst is not FAIL:
        yield f"verdict: found FAIL, expected {worst.value}: no drill is FAIL"
    if run.exit_code != run.verdict.exit_code:
        expected = f"{run.verdict.exit_code}, that of {run.verdict.value}"
        yield f"exit_code: found {run.exit_code}, expected {expected}"
    if run.run in {".", ".."} or set("/\0") & set(run.run):
        yield f"run: found {shown(run.run)}, expected the name of a run's folder"
    if "\0" in run.cluster:
        yield f"cluster: found {shown(run.cluster)}, expected no zero byte, which no database keeps"
    names = [drill.name for drill in run.drills]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"drills: found {name} {names.count(name)} times, expected each drill once"
    for each in run.not_run:
        if each.name in names:
            yield f"not_run: found {each.name}, expected no drill that has a verdict"
    if (parts := _RUN.fullmatch(run.run)) and run.seed not in {None, int(parts[1])}:
        yield f"seed: found {run.seed}, expected {parts[1]}, with which the run's id ends"


def _of_drill(drill: DrillEntry) -> Iterator[str]:
    yield from _of_verdict(drill)
    yield from _of_counts(drill)
    for number, limit in enumerate(drill.predicted):
        yield from (f"predicted.{number}.{text}" for text in _of_limit(limit, drill))
    yield from _of_outages(drill)
    for number, probe in enumerate(drill.probes):
        yield from (f"probes.{number}.{text}" for text in _of_probe(probe, drill))
    yield from _of_versions(drill)


def _of_verdict(drill: DrillEntry) -> Iterator[str]:
    """Name what the drill holds that is worse than its verdict."""
    worse = [(each.verdict, f"a finding: {each.text}") for each in drill.findings]
    worse += [(each.verdict, f"the limit of {each.probes}") for each in drill.predicted]
    worse += [
        (FAIL if check.ok is False else INCONCLUSIVE, f"the check {check.name}")
        for check in drill.checks
        if check.ok is not True
    ]
    if drill.probes and not drill.predicted:
        worse.append((INCONCLUSIVE, "it has no outage limit"))
    worse.append((_ENDED.get(drill.ended, INCONCLUSIVE), f"its end is {drill.ended or 'missing'}"))
    for kind, text in worse:
        if kind.rank > drill.verdict.rank:
            yield f"verdict: found {drill.verdict.value}, expected {kind.value}: {text}"


def _of_counts(drill: DrillEntry) -> Iterator[str]:
    """Name the sums that do not come out, of all probes but the control probe."""
    yield from _more_failed("", drill)
    if drill.control:
        yield from _more_failed("control.", drill.control)
    judged = {name for limit in drill.predicted for name in limit.covers}
    probes = [probe for probe in drill.probes if probe.probe in judged]
    limits = [limit.measured for limit in drill.predicted if limit.measured.requests is not None]
    for field in ("samples", "failed") if drill.probes else ():
        actual, least = getattr(drill, field), sum(getattr(probe, field) for probe in probes)
        most = sum(getattr(probe, field) for probe in drill.probes)
        if not least <= actual <= most:
            expected = f"{least} to {most}" if least < most else str(most)
            yield f"{field}: found {actual}, expected {expected}: the sum of its probes"
    for field, least in (
        ("samples", sum(measured.requests or 0 for measured in limits)),
        ("failed", sum(measured.failed for measured in limits)),
    ):
        if not drill.probes and getattr(drill, field) < least:
            actual = getattr(drill, field)
            yield f"{field}: found {actual}, expected {least} or more: the sum of its limits"


def _more_failed(place: str, counts: DrillEntry | ControlEntry | ProbeEntry) -> Iterator[str]:
    if counts.failed > counts.samples:
        expected = f"{counts.samples} or fewer, as many as were sent"
        yield f"{place}failed: found {counts.failed}, expected {expected}"


def _of_limit(limit: LimitEntry, drill: DrillEntry) -> Iterator[str]:
    measured = limit.measured
    if measured.requests is not None and measured.failed > measured.requests:
        expected = f"{measured.requests} or fewer, as many as were sent"
        yield f"measured.failed: found {measured.failed}, expected {expected}"
    yield from _of_bounds("measured.", measured.shortest_s, measured.longest_s)
    if measured.shortest_s > drill.lasted_s + _ROUNDED_S:
        expected = f"{drill.lasted_s:g} or less, as long as the drill was"
        yield f"measured.shortest_s: found {measured.shortest_s:g}, expected {expected}"
    probes = [probe for probe in drill.probes if probe.probe in limit.covers]
    if drill.probes and len(probes) < len(limit.covers):
        missing = set(limit.covers) - {probe.probe for probe in probes}
        yield f"covers: found {', '.join(sorted(missing))}, expected probes of the drill"
    for field, actual, count in (
        ("failed", measured.failed, sum(probe.failed for probe in probes)),
        ("requests", measured.requests, sum(probe.samples for probe in probes)),
    ):
        if len(probes) == len(limit.covers) > 0 and actual not in {None, count}:
            yield f"measured.{field}: found {actual}, expected {count}: that of its probes"
    if limit.verdict is not PASS:
        return
    outages = [outage for outage in drill.outages if outage.probe in limit.covers]
    longest = max([measured.longest_s, *(outage.longest_s for outage in outages)])
    if longest > limit.allowed_s + _ROUNDED_S:
        yield f"verdict: found PASS, expected an outage within {limit.allowed_s:g} s: {longest:g} s"
    if doubtful := [outage for outage in outages if outage.doubt or outage.open_end]:
        why = doubtful[0].doubt or "its end was not seen"
        yield f"verdict: found PASS, expected an outage that is in no doubt: {why}"
    if limit.max_failed is not None and measured.failed > limit.max_failed:
        expected = f"{limit.max_failed} or fewer failed: {measured.failed}"
        yield f"verdict: found PASS, expected {expected}"


def _of_bounds(place: str, shortest_s: float, longest_s: float) -> Iterator[str]:
    if shortest_s > longest_s + _ROUNDED_S:
        expected = f"{longest_s:g} or less, the longest that it can have been"
        yield f"{place}shortest_s: found {shortest_s:g}, expected {expected}"


def _of_outages(drill: DrillEntry) -> Iterator[str]:
    for number, outage in enumerate(drill.outages):
        place = f"outages.{number}."
        yield from _of_bounds(place, outage.shortest_s, outage.longest_s)
        yield from _of_span(f"{place}to_s", outage.from_s, outage.to_s, drill)
        lasted_s = max(0.0, outage.to_s - outage.from_s)
        if outage.shortest_s > lasted_s + _ROUNDED_S:
            expected = f"{lasted_s:g} or less, from first to last failure"
            yield f"{place}shortest_s: found {outage.shortest_s:g}, expected {expected}"
        for field in ("outcomes", "steps"):
            if (actual := sum(getattr(outage, field).values())) != outage.failed:
                yield f"{place}{field}: found {actual} in all, expected {outage.failed}: failed"


def _of_span(place: str, start: float, end: float, drill: DrillEntry) -> Iterator[str]:
    if not start <= end <= drill.lasted_s + _ROUNDED_S:
        expected = f"{start:g}, its begin, to {drill.lasted_s:g}, the drill's end"
        yield f"{place}: found {end:g}, expected {expected}"


def _of_probe(probe: ProbeEntry, drill: DrillEntry) -> Iterator[str]:
    yield from _more_failed("", probe)
    outages = [outage for outage in drill.outages if outage.probe == probe.probe]
    is_judged = any(probe.probe in limit.covers for limit in drill.predicted)
    sums = (("outages", len(outages)), ("failed", sum(outage.failed for outage in outages)))
    for field, expected in sums if is_judged else ():
        if (actual := getattr(probe, field)) != expected:
            yield f"{field}: found {actual}, expected {expected}: its outages"
    good = 1 - probe.failed / probe.samples if probe.samples else None
    if good is None or probe.availability is None:
        is_right = probe.availability is good
    else:
        is_right = abs(probe.availability - good) < 1e-3
    if not is_right:
        yield f"availability: found {probe.availability}, expected {good}: of its requests"
    if probe.degraded_from_s is not None and probe.degraded_to_s is not None:
        yield from _of_span("degraded_to_s", probe.degraded_from_s, probe.degraded_to_s, drill)
    if probe.p50_ms is not None and probe.p99_ms is not None and probe.p50_ms > probe.p99_ms:
        yield f"p50_ms: found {probe.p50_ms:g}, expected {probe.p99_ms:g} or less: p99_ms"


def _of_versions(drill: DrillEntry) -> Iterator[str]:
    before, after = _plain(drill.kubernetes), _plain(drill.kubernetes_after)
    if drill.leaves is not Leaves.UPGRADED and after not in {"", before}:
        expected = f"{before}: the drill leaves it {drill.leaves.value}"
        yield f"kubernetes_after: found {after}, expected {expected}"
    # others aim at pods, objects of the API, or a plan
    strangers = [name for name in drill.targets if name not in drill.nodes]
    if strangers and drill.nodes and drill.leaves is not Leaves.UNCHANGED:
        yield f"targets: found {', '.join(strangers)}, expected nodes: {', '.join(drill.nodes)}"


def _plain(version: str) -> str:
    return version.removeprefix("v")
