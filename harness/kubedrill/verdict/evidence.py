"""Finds what is missing in a record: missing data is never a pass."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, CheckId, ProbeSpec
from kubedrill.verdict.probe_faults import find_dishonest
from kubedrill.verdict.vantages import find_gaps
from kubedrill.verdict.view import TOUCHING
from kubedrill.verdict.wording import count, is_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.record.columns import Columns
    from kubedrill.verdict.view import View

STEADY_SAMPLES = 5  # answers that a probe must have seen before and after the fault
# probes are stopped one after the other, and then the record is ended: more than this between them
# is a probe that died
STOPPED_EARLY_S = 10.0
EXPECTED_CHECKS = (CheckId.HEALTHY_BEFORE, CheckId.HEALTHY_AFTER, CheckId.NO_LEFTOVERS)
"""The runner writes them in every drill."""
# the probes are stopped before the record is ended; a second for another vantage's clock
AFTER_END_S = 1.0


def find_missing(view: View) -> Iterator[str]:
    """Everything that keeps the record from proving anything."""
    if not view.cluster_probes:
        yield "the record has no probe of the cluster"
    if not view.record.checks:
        yield "the record has no check of the cluster's health"
    if not view.control_probes:
        yield "there was no control probe, so the harness's own network cannot be ruled out"
    if view.touched is None:
        yield "the record has no fault and no step: nothing was done to the cluster"
    yield from _of_ending(view)
    for spec in view.specs.values():
        yield from _of_probe(view, spec)
    for name, samples in view.samples.items():
        if name not in view.specs:
            yield f"{count(len(samples), 'sample')} of probe {name}, which the header does not list"


def _of_ending(view: View) -> Iterator[str]:
    """What a drill that was completed has done."""
    record = view.record
    if record.ended != "completed":
        return
    ids = {check.id for check in record.checks}
    missing = [each for each in EXPECTED_CHECKS if each not in ids]
    if record.checks and missing:
        yield f"the record has no check {missing[0].value!r}"
    for span in record.spans:
        if span.end is None and span.lane in ("fault", "step"):
            yield f"{span.subject}: {span.name} was begun and never ended"
    after = view.last_sample - (record.ended_at or 0)
    if after > AFTER_END_S * NS:
        yield f"a request was answered {after / NS:.1f} s after the record's end"
    for subject in sorted(
        {s.subject for s in record.spans if s.lane == "node"} - set(record.header.nodes)
    ):
        yield (
            f"the record tells of node {subject}, which its header does not list: another cluster's"
        )


def _of_probe(view: View, spec: ProbeSpec) -> Iterator[str]:
    samples = view.of(spec)
    if not samples:
        yield f"probe {spec.name} has no samples"
        return
    least = view.record.header.min_samples
    if len(samples) < least:
        yield (
            f"probe {spec.name} has only {count(len(samples), 'sample')}, expected {least} or more"
        )
    if not view.has_succeeded(spec):
        yield f"probe {spec.name} never succeeded, so it may be the probe that is broken"
    if view.touched is not None:
        yield from _coverage(view, spec, view.touched)
    yield from _holes(view, spec)
    yield from find_dishonest(view, spec)
    if view.uncertainty(spec) is None:
        yield (
            f"probe {spec.name} stands inside the cluster and its clock was never compared with "
            f"the harness's"
        )


def _coverage(view: View, spec: ProbeSpec, touched: tuple[int, int]) -> Iterator[str]:
    """Whether a probe watched from before the first fault to after the last one."""
    samples = view.of(spec)
    begin, end = touched[0], view.last_end(*TOUCHING)
    uncertain, watched = view.uncertainty(spec) or 0, begin - samples.fired[0]
    if 0 < watched < uncertain:
        yield (
            f"the clock of probe {spec.name} is uncertain by {uncertain / NS:.1f} s, more than the "
            f"{watched / NS:.1f} s that it watched before the cluster was touched: nobody knows "
            f"what it saw when"
        )
    early = samples.between(view.first_time, begin)
    oks = (True for i in early if not samples.outcomes[i] and samples.done[i] <= begin)
    before = sum(islice(oks, STEADY_SAMPLES))
    if before < STEADY_SAMPLES:
        yield (
            f"probe {spec.name} saw {count(before, 'answer')} before the cluster was touched, "
            f"expected {STEADY_SAMPLES} or more"
        )
    last = samples.fired[-1]
    unwatched = ((view.record.ended_at or last) - last - uncertain) / NS
    if last < end - view.gap_ns(spec):
        yield (
            f"probe {spec.name} stopped {(end - last) / NS:.1f} s before the drill was done "
            f"with the cluster"
        )
    elif last < max(columns.fired[-1] for columns in view.samples.values()) - STOPPED_EARLY_S * NS:
        yield f"probe {spec.name} stopped long before the others"
    elif view.record.ended == "completed" and unwatched > STOPPED_EARLY_S:
        yield f"probe {spec.name} did not watch the last {unwatched:.1f} s of the record"
    yield from _calm(view, spec, begin)


def _calm(view: View, spec: ProbeSpec, begin: int) -> Iterator[str]:
    """Whether a probe watched the end, and the calm that the run asked for before and after."""
    if view.record.ended != "completed":
        return
    samples, runs = view.of(spec), view.runs[spec.name]
    fault_end = view.last_end("fault")
    late = samples.between(fault_end, samples.fired[-1])
    after = sum(islice((True for i in late if not samples.outcomes[i]), STEADY_SAMPLES))
    if fault_end and after < STEADY_SAMPLES:
        yield (
            f"probe {spec.name} saw {count(after, 'answer')} after the last fault, "
            f"expected {STEADY_SAMPLES} or more"
        )
    if view.steady is None or spec not in view.cluster_probes:
        return
    early = [run.upper for run in runs if run.upper <= begin]
    since = max([fault_end, *(run.failures[-1].fired for run in runs)])
    for name, lasted, when in (
        ("warmup_s", begin - max([samples.fired[0], *early]), "before the cluster was touched"),
        ("cooldown_s", samples.fired[-1] - since, "at the end"),
    ):
        asked = view.steady.data.get(name, 0.0)  # records of before 0.2 do not state it
        if not is_seconds(asked):
            yield f"the record asks for probes.{name} of {asked!r}, expected seconds"
        elif lasted + view.gap_ns(spec) < asked * NS:
            yield (
                f"probe {spec.name} was calm for {max(0, lasted) / NS:.1f} s {when}, "
                f"probes.{name} asks for {asked:g} s"
            )


def _holes(view: View, spec: ProbeSpec) -> Iterator[str]:
    gaps = list(find_gaps(view.gaps[spec.name], view.excused[spec.name], view.gap_ns(spec)))
    if gaps:
        longest = max(end - start for start, end in gaps) / NS
        yield (
            f"probe {spec.name} has {count(len(gaps), 'gap')} in its samples, the longest "
            f"{longest:.1f} s"
        )
    elif missing := _unanswered(view, spec):
        yield (
            f"probe {spec.name} lost {count(missing, 'request')}: fired, but neither answered "
            f"nor timed out"
        )


def _unanswered(view: View, spec: ProbeSpec) -> int:
    """Ticks without a result, apart from the last ones, which the stop may have cut off."""
    first, *others = view.parts(spec)
    under_way = int(spec.timeout_s / spec.interval_s) + 2
    missing = _missing(first, view.first_number(spec.name), under_way)
    return missing + sum(_missing(part, min(part.seq), under_way) for part in others)


def _missing(samples: Columns, first: int, under_way: int) -> int:
    """Numbers from ``first`` on that no sample has, up to those that were under way at the end."""
    numbers = (samples.seq[-1],) if samples.is_whole else samples.seq
    settled = max(numbers) - under_way
    if samples.is_whole:
        return max(0, min(samples.seq[0], settled) - first)
    return max(0, settled - first - sum(map(settled.__gt__, samples.seq)))
