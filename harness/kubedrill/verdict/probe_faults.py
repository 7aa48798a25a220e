"""Finds probes that do not observe, do not keep their schedule, or do not give up in time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kubedrill.base.model import NS
from kubedrill.verdict.blind import late_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import ProbeSpec
    from kubedrill.record.columns import Columns
    from kubedrill.verdict.view import View

# no request over a socket is faster: connect, send, receive, and two switches of processes
FASTEST_US = 10
# of a probe's answers may have taken the same time to the nanosecond; 1 % did in real records
SAME_SHARE = 0.5
ENOUGH = 20  # answers that it takes to tell
# of a probe's ticks may be late; beyond that it does not watch the times that it says it does
LATE_TICKS = 0.5
# timeouts after which an answer cannot be a success: the probe has long given up ...
GIVES_UP = 2.0
# ... and a second for a crowded node, where the prober has no priority; 0.3 s were measured
GIVES_UP_MORE_S = 1.0
# intervals that a probe's ticks are off their schedule only when the clock was stepped
STEP_INTERVALS = 0.5
# of its time a probe's ticks may drift off their schedule, drifting clocks included; more is
# another rate than the one that it states
DRIFT_SHARE = 0.1
TICK_AT_MOST_S = 0.1  # the default interval: with a limit of 0 s, ticks may be so far apart


def find_dishonest(view: View, spec: ProbeSpec) -> Iterator[str]:
    """Everything about one probe's samples that a probe which looks cannot have seen."""
    samples = view.of(spec)
    if len(samples) - samples.failed >= ENOUGH:
        yield from _looks(spec, samples)
        yield from _names_its_server(view, spec, samples)
    yield from _gives_up(spec, samples)
    for part in view.parts(spec):
        yield from _keeps_time(view, spec, part)
        yield from _keeps_rate(view, spec, part)
    yield from _is_too_rare(view, spec)


def _looks(spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    middle = samples.ok_percentile(0.5) or 0
    if middle < FASTEST_US:
        yield (
            f"probe {spec.name} was answered within {middle / 1000:.3f} ms, which no network "
            f"can: it does not look"
        )
        return
    oks = len(samples) - samples.failed
    # what most have in common would be the middle one
    if samples.ok_in(middle) <= SAME_SHARE * oks:
        return
    time, times = Counter(samples.ok_took.tolist()).most_common(1)[0]
    if times > SAME_SHARE * oks:
        yield (
            f"probe {spec.name} was answered {times:,} of {oks:,} times in exactly "
            f"{time / 1e6:.6f} ms: it does not look"
        )


def _names_its_server(view: View, spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    """Where one probe of the application is told who answered, each is."""
    if spec not in view.cluster_probes or samples.names_server:
        return
    for other in view.cluster_probes:
        if other.kind == spec.kind and view.of(other).names_server:
            yield (
                f"probe {spec.name} never says who answered, as probe {other.name} does: it "
                "does not look"
            )
            return


def _gives_up(spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    if samples.slowest > gives_up_ns(spec):
        yield (
            f"probe {spec.name} took an answer after {samples.slowest / NS:.1f} s for a success, "
            f"though it gives up after {spec.timeout_s:g} s"
        )


def gives_up_ns(spec: ProbeSpec) -> float:
    """Nanoseconds after which no answer can be a success: the probe has long given up."""
    return max(GIVES_UP * spec.timeout_s, spec.timeout_s + GIVES_UP_MORE_S) * NS


def _is_too_rare(view: View, spec: ProbeSpec) -> Iterator[str]:
    """A whole outage that is longer than its limit fits between two ticks."""
    limit = view.limit_of(spec)
    if spec not in view.cluster_probes or limit is None:
        return
    if spec.interval_s > max(limit.allowed_s, TICK_AT_MOST_S):
        yield (
            f"probe {spec.name} asks once in {spec.interval_s:g} s, so an outage longer than the "
            f"limit {limit.allowed_s:g} s fits between two of its ticks"
        )


def _keeps_rate(view: View, spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    """Whether the probe fired as often as it states, on the whole."""
    lasted, ticks = samples.due_span()
    stated = ticks * round(spec.interval_s * NS)
    allowed = DRIFT_SHARE * stated + 2 * (view.uncertainty(spec) or 0)
    if ticks >= ENOUGH and abs(lasted - stated) > allowed:
        yield (
            f"probe {spec.name} fired {ticks * NS / max(lasted, 1):.1f} times a second, "
            f"though it states {1 / spec.interval_s:.1f}"
        )


def _keeps_time(view: View, spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    late = samples.late(late_ns(spec)).count(1)
    if late > LATE_TICKS * len(samples):
        yield (
            f"probe {spec.name} fired {late:,} of {len(samples):,} ticks more than half an "
            f"interval late"
        )
    interval = round(spec.interval_s * NS)
    allowed = STEP_INTERVALS * interval + 2 * (view.uncertainty(spec) or 0)
    step = samples.step(interval)
    if abs(step) > allowed:
        yield (
            f"the ticks of probe {spec.name} jumped by {step / NS:+.1f} s off their schedule: "
            "the clock was stepped, or requests are not where they belong"
        )
