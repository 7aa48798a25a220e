"""Judges how long answers took: slow service is no service.

A request's latency counts from when its tick was due, so that a sampler which was kept waiting by
one answer does not leave out what the next request would have seen (coordinated omission).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kubedrill.base.model import NS
from kubedrill.base.results import VerdictKind
from kubedrill.record.flags import stretches
from kubedrill.record.latencies import Latencies
from kubedrill.verdict.availability import STABLE_S
from kubedrill.verdict.soundness import sound_answers
from kubedrill.verdict.wording import bounds, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import OutageLimit, ProbeSpec
    from kubedrill.record.latencies import Flags
    from kubedrill.verdict.availability import Shortfall
    from kubedrill.verdict.view import View

# answers of the steady state, or of the fault window, that it takes to tell what is usual
ENOUGH = 20
# of the answers that may be slow on end: of one server in three, or more
SLOW_SHARE = 0.3
# half of the answers on a small machine take so long now and then, whatever the steady state was
AT_LEAST_S = 0.1


def objective(view: View, limit: OutageLimit, spec: ProbeSpec) -> int:
    """Nanoseconds within which half of the answers must come, and each one that is not slow."""
    steady = view.before_fault[spec.name]
    most = min(limit.p50_s * NS, 1 << 62)
    if steady.p50 is None or steady.count < ENOUGH:
        return round(most)
    return round(min(most, max(limit.slow_factor * steady.p50, AT_LEAST_S * NS)))


def find_slowness(view: View, limit: OutageLimit, name: str) -> Iterator[Shortfall]:
    """What of one probe's answers came too late: half of them, the last 1 of 100, or on end.

    Each with FAIL where answers while the host was prompt suffice for it, else INCONCLUSIVE.
    """
    spec = view.specs[name]
    longest = objective(view, limit, spec)
    if view.of(spec).slowest_from_due <= min(longest, limit.p99_s * NS):
        return
    sound = sound_answers(view, spec)
    yield from _percentiles(view, limit, spec, longest, sound)
    yield from _slow_time(view, limit, spec, longest, sound)
    yield from _slow_again(view, limit, spec, sound)


def _percentiles(
    view: View, limit: OutageLimit, spec: ProbeSpec, longest: int, sound: Flags
) -> Iterator[Shortfall]:
    start, end = view.fault_window
    every = view.in_fault[spec.name]
    if every.count < ENOUGH:
        return
    proven = Latencies.of(view.of(spec), start, end, sound)
    steady = view.before_fault[spec.name].p50
    usual = f", {_ms(steady)} before the fault" if steady else ""
    for field, which, most in (
        ("p50", "half", longest),
        ("p99", "1 in 100", round(limit.p99_s * NS)),
    ):
        took = getattr(every, field)
        if took <= most:
            continue
        text = (
            f"{which} of {every.count:,} answers in the fault window of "
            f"{seconds_of((end - start) / NS)} took {_ms(took)} or more{usual}, limit {_ms(most)}"
        )
        if proven.count >= ENOUGH and getattr(proven, field) > most:
            yield VerdictKind.FAIL, text
        else:
            yield VerdictKind.INCONCLUSIVE, f"{text}; but the host was slow, or ticks were late"


def _slow_time(
    view: View, limit: OutageLimit, spec: ProbeSpec, longest: int, sound: Flags
) -> Iterator[Shortfall]:
    """Consecutive answers above the objective, with the failures among them."""
    samples, allowed = view.of(spec), limit.limit_s + limit.slow_s
    bad = (samples.from_due > longest) | ~samples.oks
    fired = samples.times
    slow = list(view.apart(spec, stretches(bad.tobytes())))
    slow = [(a, b) for a, b in slow if fired[b] - fired[a] > allowed * NS]
    slow = [(a, b) for a, b in slow if samples.oks[a : b + 1].any()]
    if not slow:
        return
    first, last = max(slow, key=lambda each: fired[each[1]] - fired[each[0]])
    before, after = max(first - 1, 0), min(last + 1, len(samples) - 1)
    length = bounds(
        (fired[last] - fired[first]) / NS,
        (samples.done[after] - fired[before]) / NS + (view.uncertainty(spec) or 0) / NS,
        open_ended=first == 0 or last == len(samples) - 1,
    )
    text = (
        f"slow for {length}: {last - first + 1:,} requests on end took longer than {_ms(longest)}, "
        f"limit {allowed:g} s"
    )
    proven = view.apart(spec, stretches((bad & sound).tobytes()))
    if any(fired[b] - fired[a] > allowed * NS for a, b in proven):
        yield VerdictKind.FAIL, text
    else:
        yield VerdictKind.INCONCLUSIVE, f"{text}; but the host was slow, or ticks were late"


def _slow_again(
    view: View, limit: OutageLimit, spec: ProbeSpec, sound: Flags
) -> Iterator[Shortfall]:
    """Slow answers among prompt ones, again and again, for as long as slow time may last.

    Small machines have some of them too, so it takes a share of them, and longer than ``p50_s``.
    """
    samples, allowed = view.of(spec), round((limit.limit_s + limit.slow_s) * NS)
    late = samples.oks & sound & (samples.from_due > limit.p50_s * NS)
    slow = samples.times[late]
    if len(slow) < ENOUGH:
        return
    # from each slow answer to the last one within that time
    last = np.searchsorted(slow, slow + allowed, "right") - 1
    calm = np.concatenate(([0], np.cumsum(np.diff(slow) > STABLE_S * NS)))
    sent = np.searchsorted(samples.times, slow[last], "right") - np.searchsorted(
        samples.times, slow
    )
    count = last - np.arange(len(slow)) + 1
    lasted = slow[last] - slow
    bad = (lasted >= allowed - NS) & (calm[last] == calm) & (count >= SLOW_SHARE * sent)
    if not bad.any():
        return
    place = int((bad * count / np.maximum(sent, 1)).argmax())
    text = (
        f"{count[place]:,} of {sent[place]:,} answers within {seconds_of(lasted[place] / NS)} took "
        f"longer than {_ms(round(limit.p50_s * NS))}, never prompt for {STABLE_S:g} s, expected "
        f"fewer than {SLOW_SHARE:.0%}"
    )
    yield VerdictKind.FAIL, text


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:,.3g} ms" if nanoseconds < NS else seconds_of(nanoseconds / NS)
