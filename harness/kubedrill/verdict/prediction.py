"""Compares what users felt with what was predicted: a positive control.

Where a fault must be felt and nobody felt it, either it did not reach the users or the prediction
is wrong. That decides nothing, and it is noted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kubedrill.base.model import NS
from kubedrill.base.results import FAR_LESS
from kubedrill.verdict.wording import probe_names, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kubedrill.base.model import OutageLimit
    from kubedrill.base.results import LimitResult
    from kubedrill.verdict.view import View


def felt_s(view: View, probes: Iterable[str]) -> float | None:
    """The longest time, in seconds, that one of some probes was disrupted in the fault window.

    From its first to its last failure, or until its slowest answer came; None without requests.
    """
    start, end = view.fault_window
    longest = []
    for name in probes:
        samples = view.of(view.specs[name])
        sent = samples.between(start, end)
        if not sent:
            continue
        part = slice(sent.start, sent.stop)
        oks = samples.oks[part]
        slowest = int(samples.from_due[part][oks].max(initial=0))
        failed = samples.times[part][~oks]
        runs = [run for run in view.runs[name] if run.overlaps(start, end)]
        lasted = max((run.upper - run.lower for run in runs), default=0)
        span = int(failed[-1] - failed[0]) if len(failed) else 0
        longest.append(max(slowest, lasted, span))
    return round(max(longest) / NS, 3) if longest else None


def cap_least(view: View, limit: OutageLimit) -> OutageLimit:
    """The limit as it is judged and written: a fault that is healed earlier is not felt longer."""
    start, end = view.fault_window
    return replace(limit, least_s=min(limit.least_s, round((end - start) / NS, 3)))


def find_unfelt(view: View, results: Iterable[LimitResult]) -> Iterator[str]:
    """What was predicted to be felt, and was not by far."""
    if view.record.ended != "completed":
        return
    names = probe_names(view.cluster_probes)
    for result in results:
        least = result.limit.least_s
        if result.felt_s is not None and result.felt_s < FAR_LESS * least:
            kinds = ", ".join(dict.fromkeys(names[name].split(" (")[0] for name in result.probes))
            yield (
                f"{kinds}: {seconds_of(result.felt_s)} of disruption at most, predicted "
                f"{seconds_of(least)} or more: the fault did not reach these users, or the "
                "prediction is wrong"
            )
