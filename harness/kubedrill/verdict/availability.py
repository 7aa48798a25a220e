"""Judges the share of good requests, where no single outage is long."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from kubedrill.base.model import NS
from kubedrill.base.results import VerdictKind
from kubedrill.verdict.blind import Windows
from kubedrill.verdict.soundness import is_sound, patience_ns
from kubedrill.verdict.wording import seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubedrill.base.model import OutageLimit, ProbeSpec
    from kubedrill.record.columns import Numbers
    from kubedrill.verdict.blind import Interval
    from kubedrill.verdict.view import View

    Shortfall = tuple[VerdictKind, str]
    Rule = tuple[str, Callable[[Numbers], bool]]  # what is wrong when so many failures are too many

# an outage is over when every request was answered for so long; before, it flaps
STABLE_S = 3.0
# of the requests from the first failure to the last: fewer are single failures, not an outage
FLAPPING_SHARE = 0.1
# what is predicted to cost nothing may cost so much of a fault window, however long its limit is
UNPREDICTED_S = 10.0
# requests that fail in so short a run or window prove no share
FEW = 3
# where a share is predicted to fail, an outage is one from half of that share on
OF_PREDICTED = 0.5
# of failed_share: what waited may also be a node without processor time, which no probe tells of
WAITED_TIMES = 2
# standard deviations by which chance may exceed a predicted share: one run in a thousand
CHANCE = 3.0


def find_shortfalls(view: View, limit: OutageLimit, name: str) -> Iterator[Shortfall]:
    """What keeps one probe from being available: over the fault window, over the run, flapping.

    Each with FAIL where failures that only the cluster explains suffice for it, else INCONCLUSIVE.
    """
    spec = view.specs[name]
    samples = view.of(spec)
    failed = samples.times[~samples.oks]
    if not len(failed):
        return
    sound: list[Numbers] = []

    def judged(text: str, is_short: Callable[[Numbers], bool]) -> Iterator[Shortfall]:
        if not is_short(failed):
            return
        if not sound:
            failures = (s for run in view.runs[name] for s in run.failures)
            sound.append(np.array([s.fired for s in failures if is_sound(view, spec, s)], np.int64))
        if is_short(sound[0]):
            yield VerdictKind.FAIL, text
        else:
            yield (
                VerdictKind.INCONCLUSIVE,
                f"{text}; but only {len(sound[0]):,} of the failures can be laid to the cluster",
            )

    yield from judged(*_over_window(view, limit, spec, failed))
    yield from judged(*_over_run(view, limit, spec, failed))
    if limit.max_failed is None:  # else their number was said
        yield from judged(*_flapping(view, limit, spec, failed))
        yield from _strays(view, limit, spec, failed)


def available_fault(view: View, spec: ProbeSpec) -> float | None:
    """The share of a probe's requests in the fault window that were answered; None without any."""
    samples = view.of(spec)
    sent = samples.between(*view.fault_window)
    oks = samples.oks[sent.start : max(sent.start, sent.stop)]
    return float(oks.mean()) if len(oks) else None


def _over_window(view: View, limit: OutageLimit, spec: ProbeSpec, failed: Numbers) -> Rule:
    start, end = view.fault_window
    lasted = (end - start) / NS
    requests = len(view.of(spec).between(start, end))
    floor = limit.available_fault
    chance = 0.0
    if floor is None:
        costs = limit.limit_s if limit.predicted_s else min(limit.limit_s, UNPREDICTED_S)
        costs *= limit.share * view.faults
        floor = max(0.0, limit.available_run - costs / lasted) if lasted else 0.0
        chance = CHANCE * sqrt(requests * floor * (1 - floor)) if limit.share < 1 else 0.0
    allowed = max(FEW, (1 - floor) * requests + chance)
    count = _between(failed, start, end)
    text = (
        f"{_percent(requests - count, requests)} of {requests:,} requests were answered in the "
        f"fault window of {seconds_of(lasted)}, expected {_percent(floor, 1)} or more"
    )
    return text, lambda times: _between(times, start, end) > allowed


def _over_run(view: View, limit: OutageLimit, spec: ProbeSpec, failed: Numbers) -> Rule:
    """Besides the outages that the limit allows."""
    rest, requests = _besides_outages(view, limit, spec, failed)
    allowed = max(FEW, (1 - limit.available_run) * requests)
    besides = "besides outages within the limit" if len(rest) < len(failed) else "in the run"
    text = (
        f"{_percent(requests - len(rest), requests)} of {requests:,} requests were answered "
        f"{besides} {limit.limit_s:g} s, expected {_percent(limit.available_run, 1)} or more"
    )
    return text, lambda sound: len(np.intersect1d(rest, sound)) > allowed


def _besides_outages(
    view: View, limit: OutageLimit, spec: ProbeSpec, failed: Numbers
) -> tuple[Numbers, int]:
    """Failures and requests outside of the outages that the limit allows.

    Those are one as each fault is made, and one as it is undone: where most requests failed.
    """
    times = view.of(spec).times
    length = min(round((limit.limit_s + 2 * spec.interval_s) * NS), view.last_time)
    rest, requests = failed, len(times)
    for _ in range(2 * view.faults):
        if not len(rest):
            break
        counts = np.searchsorted(rest, rest + length, "right") - np.arange(len(rest))
        begin = rest[counts.argmax()]
        requests -= _between(times, begin, begin + length)
        rest = rest[(rest < begin) | (rest > begin + length)]
    return rest, requests


def _strays(
    view: View, limit: OutageLimit, spec: ProbeSpec, failed: Numbers
) -> Iterator[Shortfall]:
    """Requests that failed and belong to no outage: at once, or after a wait.

    However long an outage may be, refusals too far apart to be one are not excused by it. What
    waited, as timeouts do, may be a slow host's doing, also of a node that shares it: only what
    lies outside of every outage that is allowed counts, and twice as much of it may fail.
    """
    samples = view.of(spec)
    if len(failed) <= FEW:
        return
    rest, _ = _besides_outages(view, limit, spec, failed)
    dense = min(FLAPPING_SHARE, limit.share * OF_PREDICTED)
    outages = _stretches(failed, samples.times, view.holes[spec.name], dense, FEW)
    alone = failed[~Windows(outages).touching(failed, failed)]
    quick = (samples.took <= patience_ns(spec)) & ~samples.oks
    for which, stray, times, how in (
        (quick, np.union1d(rest, alone), 1, "were refused or answered with an error at once"),
        (~samples.oks, rest, WAITED_TIMES, "failed"),
    ):
        places = np.flatnonzero(which & np.isin(samples.times, stray))
        allowed = times * max(FEW, limit.failed_share * len(samples))
        if len(places) <= allowed:
            continue
        count = sum(is_sound(view, spec, samples[int(place)]) for place in places)
        if count > allowed:
            text = (
                f"{count:,} of {len(samples):,} requests ({_percent(count, len(samples))}) {how}, "
                f"besides outages within the limit {limit.limit_s:g} s, expected "
                f"{_percent(times * limit.failed_share, 1)} or fewer"
            )
            yield VerdictKind.FAIL, text
            return


def _flapping(view: View, limit: OutageLimit, spec: ProbeSpec, failed: Numbers) -> Rule:
    """An outage goes on until requests were answered for some time."""
    times = view.of(spec).times
    holes = view.holes[spec.name]
    start, end = max(
        _stretches(failed, times, holes), key=lambda each: each[1] - each[0], default=(0, 0)
    )
    text = (
        f"failed again and again for {seconds_of((end - start) / NS)}, "
        f"{_between(failed, start, end):,} of {_between(times, start, end):,} requests, never "
        f"stable for {STABLE_S:g} s, limit {limit.limit_s:g} s"
    )
    longest = limit.limit_s * NS
    return text, lambda sound: any(b - a > longest for a, b in _stretches(sound, times, holes))


def _stretches(
    failed: Numbers,
    times: Numbers,
    holes: Windows,
    share: float = FLAPPING_SHARE,
    least: int = 1,
) -> list[Interval]:
    """From first to last of failures between which it was watched, and was not stable.

    ``share`` of the requests failed in each, and not fewer than ``least``.
    """
    if not len(failed):
        return []
    ended = (np.diff(failed) > STABLE_S * NS) | holes.touching(failed[:-1], failed[1:])
    parted = np.flatnonzero(ended) + 1
    edges = [0, *parted.tolist(), len(failed)]
    spans = [(int(failed[a]), int(failed[b - 1]), b - a) for a, b in pairwise(edges)]
    return [(a, b) for a, b, n in spans if n >= max(least, share * _between(times, a, b))]


def _between(times: Numbers, start: int, end: int) -> int:
    first, last = np.searchsorted(times, start), np.searchsorted(times, end, "right")
    return int(last - first)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"
