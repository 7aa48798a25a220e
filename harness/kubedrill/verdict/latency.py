"""Judges how long answers took: slow service is no service.

A request's latency counts from when its tick was due, so that a sampler which was kept waiting by
one answer does not leave out what the next request would have seen (coordinated omission).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kubedrill.base.model import NS
from kubedrill.base.results import VerdictKind
from kubedrill.verdict.soundness import sound_answers
from kubedrill.verdict.wording import bounds, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kubedrill.base.model import OutageLimit, ProbeSpec
    from kubedrill.record.columns import Numbers
    from kubedrill.verdict.availability import Shortfall
    from kubedrill.verdict.view import View

# answers of the steady state, or of the fault window, that it takes to tell what is usual
ENOUGH = 20
# half of the answers on a small machine take so long now and then, whatever the steady state was
AT_LEAST_S = 0.1


@dataclass(frozen=True, slots=True)
class Latencies:
    """Half of the answers came within ``p50``, 99 of 100 within ``p99`` (ns); None without any."""

    p50: int | None
    p99: int | None

    @property
    def p50_ms(self) -> float | None:
        """The first in milliseconds."""
        return None if self.p50 is None else round(self.p50 / 1e6, 3)

    @property
    def p99_ms(self) -> float | None:
        """The second in milliseconds."""
        return None if self.p99 is None else round(self.p99 / 1e6, 3)

    @classmethod
    def of(cls, took: Numbers) -> Latencies:
        """Those of some answers."""
        if not len(took):
            return cls(None, None)
        places = [max(0, -(-len(took) * share // 100) - 1) for share in (50, 99)]
        parted = np.partition(took, places)
        return cls(int(parted[places[0]]), int(parted[places[1]]))


def before_the_fault(view: View, spec: ProbeSpec) -> Latencies:
    """How long the answers of the run's own steady state took."""
    start = view.fault_window[0]
    return Latencies.of(_answers(view, spec, view.first_time, start - 1))


def in_the_fault(view: View, spec: ProbeSpec) -> Latencies:
    """How long the answers of the fault window took."""
    return Latencies.of(_answers(view, spec, *view.fault_window))


def objective(view: View, limit: OutageLimit, spec: ProbeSpec) -> int:
    """Nanoseconds within which half of the answers must come, and each one that is not slow."""
    start = view.fault_window[0]
    steady = _answers(view, spec, view.first_time, start - 1)
    usual = Latencies.of(steady).p50
    most = min(limit.p50_s * NS, 1 << 62)
    if usual is None or len(steady) < ENOUGH:
        return round(most)
    return round(min(most, max(limit.slow_factor * usual, AT_LEAST_S * NS)))


def find_slowness(view: View, limit: OutageLimit, name: str) -> Iterator[Shortfall]:
    """What of one probe's answers came too late: half of them, the last 1 of 100, or on end.

    Each with FAIL where answers while the host was prompt suffice for it, else INCONCLUSIVE.
    """
    spec = view.specs[name]
    longest = objective(view, limit, spec)
    if view.of(spec).slowest_from_due <= min(longest, limit.p99_s * NS):
        return
    yield from _percentiles(view, limit, spec, longest)
    yield from _slow_time(view, limit, spec, longest)


def _percentiles(
    view: View, limit: OutageLimit, spec: ProbeSpec, longest: int
) -> Iterator[Shortfall]:
    start, end = view.fault_window
    every = _answers(view, spec, start, end)
    if len(every) < ENOUGH:
        return
    sound = _answers(view, spec, start, end, sound_answers(view, spec))
    steady = before_the_fault(view, spec).p50
    usual = f", {_ms(steady)} before the fault" if steady else ""
    for field, which, most in (
        ("p50", "half", longest),
        ("p99", "1 in 100", round(limit.p99_s * NS)),
    ):
        took, proven = (getattr(Latencies.of(each), field) for each in (every, sound))
        if took <= most:
            continue
        text = (
            f"{which} of {len(every):,} answers in the fault window of "
            f"{seconds_of((end - start) / NS)} took {_ms(took)} or more{usual}, limit {_ms(most)}"
        )
        if len(sound) >= ENOUGH and proven > most:
            yield VerdictKind.FAIL, text
        else:
            yield VerdictKind.INCONCLUSIVE, f"{text}; but the host was slow, or ticks were late"


def _slow_time(
    view: View, limit: OutageLimit, spec: ProbeSpec, longest: int
) -> Iterator[Shortfall]:
    """Consecutive answers above the objective, with the failures among them."""
    samples, allowed = view.of(spec), limit.limit_s + limit.slow_s
    bad = (samples.from_due > longest) | ~samples.oks
    fired = samples.times
    slow = [(a, b) for a, b in _runs(bad) if fired[b] - fired[a] > allowed * NS]
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
    sound = bad & sound_answers(view, spec)
    if any(fired[b] - fired[a] > allowed * NS for a, b in _runs(sound)):
        yield VerdictKind.FAIL, text
    else:
        yield VerdictKind.INCONCLUSIVE, f"{text}; but the host was slow, or ticks were late"


def _answers(
    view: View, spec: ProbeSpec, start: int, end: int, among: NDArray[np.bool_] | None = None
) -> Numbers:
    """Nanoseconds that the good answers took, of requests sent within a time."""
    samples = view.of(spec)
    sent = samples.between(start, end)
    part = slice(sent.start, max(sent.start, sent.stop))
    which = samples.oks[part]
    took: Numbers = samples.from_due[part][which if among is None else which & among[part]]
    return took


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Places (first, last) of flags that are set next to one another."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return [(a, b - 1) for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:,.3g} ms" if nanoseconds < NS else seconds_of(nanoseconds / NS)
