"""Finds services that fail again and again: no outage is long, and yet nobody can rely on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from kubedrill.base.model import NS
from kubedrill.base.results import VerdictKind
from kubedrill.verdict.outages import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedrill.base.model import OutageLimit, ProbeSpec
    from kubedrill.verdict.view import View


@dataclass(frozen=True, slots=True)
class Stretch:
    """Failures of one probe, none more than one timeout after the one before it."""

    probe: str
    lasted_s: float
    failed: int

    def against(self, limit: OutageLimit) -> VerdictKind:
        """INCONCLUSIVE when it lasted longer than an outage may.

        A limit with a count has said how many may fail.
        """
        is_limited = limit.max_failed is not None or self.lasted_s <= limit.limit_s
        return VerdictKind.PASS if is_limited else VerdictKind.INCONCLUSIVE


def longest_stretch(view: View, probes: Iterable[str]) -> Stretch | None:
    """The longest time that one of some probes failed again and again.

    None when there was no such time.
    """
    stretches = (stretch for name in probes for stretch in _stretches(view, view.specs[name]))
    return max(stretches, key=lambda s: s.lasted_s, default=None)


def _stretches(view: View, spec: ProbeSpec) -> Iterable[Stretch]:
    failed = [sample.fired for run in view.runs[spec.name] for sample in run.failures]
    start = 0
    for place, (before, after) in enumerate(pairwise([*failed, 1 << 63]), start=1):
        if after - before > spec.timeout_s * NS:
            yield Stretch(spec.name, seconds(before - failed[start]), place - start)
            start = place
