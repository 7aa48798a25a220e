"""Finds what is missing in a record: missing data is never a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import NS, Finding, ProbeSpec, VerdictKind
from harness.verdict.view import View, gap_ns
from harness.verdict.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator

STEADY_SAMPLES = 5  # answers that a probe must have seen before the cluster is touched
STOPPED_EARLY_S = 10.0  # probes are stopped one after the other; more than this between them is a probe that died


def find_missing(view: View) -> Iterator[Finding]:
    """Everything that keeps the record from proving anything, as INCONCLUSIVE findings."""
    for text in _texts(view):
        yield Finding(VerdictKind.INCONCLUSIVE, text)


def _texts(view: View) -> Iterator[str]:
    if not view.cluster_probes:
        yield "the record has no probe of the cluster"
    if not view.record.checks:
        yield "the record has no check of the cluster's health"
    if not view.control_probes:
        yield "there was no control probe, so the harness's own network cannot be ruled out"
    if view.touched is None:
        yield "the record has no fault and no step: nothing was done to the cluster"
    for spec in view.specs.values():
        yield from _of_probe(view, spec)
    for name, samples in view.samples.items():
        if name not in view.specs:
            yield f"{count(len(samples), 'sample')} of probe {name}, which the header does not list"


def _of_probe(view: View, spec: ProbeSpec) -> Iterator[str]:
    samples = view.samples.get(spec.name, ())
    if not samples:
        yield f"probe {spec.name} has no samples"
        return
    wanted = view.record.header.min_samples
    if len(samples) < wanted:
        yield f"probe {spec.name} has only {count(len(samples), 'sample')}, expected {wanted} or more"
    if not any(s.ok for s in samples):
        yield f"probe {spec.name} never succeeded, so it may be the probe that is broken"
    if view.touched is not None:
        yield from _coverage(view, spec, view.touched)
    yield from _holes(view, spec)
    if view.uncertainty(spec) is None:
        yield f"probe {spec.name} stands inside the cluster and its clock was never compared with the harness's"


def _coverage(view: View, spec: ProbeSpec, touched: tuple[int, int]) -> Iterator[str]:
    """Whether a probe watched from before the first fault to after the last one."""
    samples = view.samples[spec.name]
    begin, end = touched
    before = sum(1 for s in samples if s.ok and s.done <= begin)
    if before < STEADY_SAMPLES:
        yield (
            f"probe {spec.name} saw {count(before, 'answer')} before the cluster was touched, "
            f"expected {STEADY_SAMPLES} or more"
        )
    last = samples[-1].fired
    if last < end - gap_ns(spec):
        yield f"probe {spec.name} stopped {(end - last) / NS:.1f} s before the drill was done with the cluster"
    elif last < max(own[-1].fired for own in view.samples.values()) - STOPPED_EARLY_S * NS:
        yield f"probe {spec.name} stopped long before the others"


def _holes(view: View, spec: ProbeSpec) -> Iterator[str]:
    gaps = view.gaps[spec.name]
    if gaps:
        longest = max(end - start for start, end in gaps) / NS
        yield f"probe {spec.name} has {count(len(gaps), 'gap')} in its samples, the longest {longest:.1f} s"
    elif missing := _unanswered(view, spec):
        yield f"probe {spec.name} lost {count(missing, 'request')}: fired, but neither answered nor timed out"


def _unanswered(view: View, spec: ProbeSpec) -> int:
    """Ticks without a result, apart from the last ones, which may have been under way as the probe was stopped."""
    numbers = {s.seq for s in view.samples[spec.name]}
    under_way = int(spec.timeout_s / spec.interval_s) + 2
    settled = range(min(numbers), max(numbers) - under_way)
    return sum(1 for number in settled if number not in numbers)
