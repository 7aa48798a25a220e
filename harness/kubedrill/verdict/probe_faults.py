"""Finds probes that do not do what they say.

That do not look, do not keep their time, or do not give up in time.
"""

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

FASTEST_US = (
    10  # no request over a socket is faster: connect, send, receive, and two switches of processes
)
# of a probe's answers may have taken the same time to the nanosecond; 1 % did in real records
SAME_SHARE = 0.5
ENOUGH = 20  # answers that it takes to tell
# of a probe's ticks may be late; beyond that it does not watch the times that it says it does
LATE_TICKS = 0.5
GIVES_UP = (
    2.0  # timeouts after which an answer cannot be a success: the probe has long given up ...
)
GIVES_UP_MORE_S = (
    1.0  # ... and a second for a crowded node, where the prober has no priority; 0.3 s were seen
)
STEP_INTERVALS = (
    0.5  # a probe's ticks stand this far off their schedule only when the clock was stepped
)


def find_dishonest(view: View, spec: ProbeSpec) -> Iterator[str]:
    """Everything about one probe's samples that a probe which looks cannot have seen."""
    samples = view.of(spec)
    if len(samples) - samples.failed >= ENOUGH:
        yield from _looks(spec, samples)
        yield from _names_its_server(view, spec, samples)
    yield from _gives_up(spec, samples)
    yield from _keeps_time(view, spec, samples)


def _looks(spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    middle = samples.ok_percentile(0.5) or 0
    if middle < FASTEST_US:
        yield (
            f"probe {spec.name} was answered within {middle / 1000:.3f} ms, which no network "
            f"can: it does not look"
        )
        return
    oks = len(samples) - samples.failed
    if (
        samples.ok_in(middle) <= SAME_SHARE * oks
    ):  # what most have in common would be the middle one
        return
    time, times = Counter(samples.ok_took.tolist()).most_common(1)[0]
    if times > SAME_SHARE * oks:
        yield (
            f"probe {spec.name} was answered {times:,} of {oks:,} times in exactly "
            f"{time / 1e6:.6f} ms: "
            "it does not look"
        )


def _names_its_server(view: View, spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    """Where one probe of the application is told who answered, each is."""
    if spec not in view.cluster_probes or samples.names_server:
        return
    for other in view.cluster_probes:
        if other.kind == spec.kind and view.of(other).names_server:
            yield (
                f"probe {spec.name} never says who answered, as probe {other.name} does: it "
                f"does "
                f"not look"
            )
            return


def _gives_up(spec: ProbeSpec, samples: Columns) -> Iterator[str]:
    longest = samples.slowest / NS
    if longest > max(GIVES_UP * spec.timeout_s, spec.timeout_s + GIVES_UP_MORE_S):
        yield (
            f"probe {spec.name} took an answer after {longest:.1f} s for a success, "
            f"though it gives up after {spec.timeout_s:g} s"
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
