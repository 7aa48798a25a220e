"""Tells what of a probe's samples can only be the cluster's doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kubedrill.base.model import NS, ProbeSpec, Sample, Vantage
from kubedrill.verdict.blind import is_late, late_ns
from kubedrill.verdict.probe_faults import gives_up_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kubedrill.verdict.outages import Run
    from kubedrill.verdict.view import View

# a prober that was late for more of a request's timeout was not there to take the answer, and a
# failure that came sooner waited for nobody
ABSENT_OF_TIMEOUT = 0.1


def is_sound(view: View, spec: ProbeSpec, sample: Sample, before: Sample | None = None) -> bool:
    """Whether a failure (and the time since the one before it) can only be the cluster's."""
    if not view.control_probes or is_late(sample, spec) or not view.has_succeeded(spec):
        return False
    start = sample.fired if before is None else before.fired
    waited = sample.done - sample.fired > patience_ns(spec)
    # a slow host delays answers; it neither refuses nor answers wrongly at once
    if waited and view.host_slow.overlaps(start, sample.done):
        return False
    # the harness's own network, of which a probe in a pod needs nothing
    is_local = spec.vantage is not Vantage.INSIDE
    if (waited or is_local) and view.control_blind.overlaps(start, sample.done):
        return False
    if sample.outcome == "timeout" and view.blind(spec).covered(
        sample.fired, sample.done
    ) > patience_ns(spec):
        return False
    return before is None or not view.holes[spec.name].overlaps(start, sample.done)


def patience_ns(spec: ProbeSpec) -> int:
    """Nanoseconds within which a failure came at once: nobody was waited for."""
    return round(ABSENT_OF_TIMEOUT * spec.timeout_s * NS)


def find_doubt(view: View, spec: ProbeSpec, run: Run) -> str:
    """Why an outage may not have been the cluster's; "" when nothing speaks against it."""
    if view.control_blind.overlaps(run.lower, run.upper):
        return "the control probe outside the cluster failed at the same time"
    if not view.control_probes:
        return "there was no control probe to tell it from a failure of the harness"
    if not view.has_succeeded(spec):
        return "this probe never succeeded, so it may be the probe that is broken"
    if any(run.lower <= start and end <= run.upper for start, end in view.gaps[spec.name]):
        return "samples are missing within it"
    return ""


def sound_answers(view: View, spec: ProbeSpec) -> NDArray[np.bool_]:
    """Which samples of a probe would prove slowness: fired on time, while the host was prompt."""
    samples = view.of(spec)
    start, end = samples.times, samples.times + samples.took
    if not view.control_probes:
        return np.zeros(len(samples), np.bool_)
    hidden = view.host_slow.touching(start, end) | view.control_blind.touching(start, end)
    honest = samples.took <= gives_up_ns(spec)
    sound: NDArray[np.bool_] = ~hidden & honest & (samples.lateness <= late_ns(spec))
    return sound
