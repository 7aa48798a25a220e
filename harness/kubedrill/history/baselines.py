"""Limits from nights before: what a cluster did then, times a factor."""

from __future__ import annotations

import json
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING

from kubedrill.base.drill_entry import LABELS
from kubedrill.base.plan import Baseline
from kubedrill.base.results import VerdictKind
from kubedrill.history.nights import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from kubedrill.base.document import RunDocument
    from kubedrill.base.drill_entry import LimitEntry
    from kubedrill.config.limits import LimitsFromHistory
    from kubedrill.history.nights import Drilled

WINDOW = 60
"""Newest nights that count, as in trends: what the cluster did a season ago is no baseline."""


def find_baselines(
    runs: Iterable[RunDocument],
    drills: Sequence[str],
    labels: Mapping[str, str],
    rules: LimitsFromHistory,
    now: datetime,
) -> tuple[list[Baseline], str]:
    """The baselines of some drills on one cluster, and the digest of the nights behind them.

    ``labels`` are the cluster's topology, network, host and app: nights of others do not count.
    """
    nights: dict[tuple[str, str, str, str], list[tuple[Drilled, LimitEntry]]] = {}
    for key, drilled in grouped(runs, now):
        if key.drill in drills and all(getattr(key, name) == labels[name] for name in LABELS):
            for each in drilled:
                for limit in each.drill.predicted:
                    place = (key.drill, key.before, key.after, limit.probes)
                    nights.setdefault(place, []).append((each, limit))
    baselines = [_baseline(place, pairs, rules) for place, pairs in nights.items()]
    where = ", ".join(labels[name] for name in LABELS)
    known = {each.drill for each in baselines}
    baselines += [
        Baseline(drill=name, because=f"no night of it on {where}")
        for name in drills
        if name not in known
    ]
    return baselines, _digest(nights)


def longest_allowed(longest: Sequence[float], rules: LimitsFromHistory) -> float | None:
    """The limit that outages of nights before give, in tenths of a second; None: too few nights."""
    if len(longest) < rules.nights:
        return None
    return ceil(round(10 * max(rules.least_s, rules.factor * max(longest)), 6)) / 10


def _baseline(
    place: tuple[str, str, str, str],
    pairs: Sequence[tuple[Drilled, LimitEntry]],
    rules: LimitsFromHistory,
) -> Baseline:
    drill, before, after, probes = place
    proven = [limit.measured.longest_s for each, limit in pairs if _proves(each, limit)][-WINDOW:]
    limit_s = longest_allowed(proven, rules)
    if limit_s is None:
        why = f"{len(proven)} of {len(pairs)} nights can be used, expected {rules.nights} or more"
    else:
        why = f"{rules.factor:g} times {max(proven):g} s, the worst of {len(proven)} nights"
        why += f", and {rules.least_s:g} s at the least" if limit_s == rules.least_s else ""
    return Baseline(
        drill=drill,
        kubernetes=before,
        kubernetes_after=after,
        probes=probes,
        nights=len(proven),
        limit_s=limit_s,
        because=why,
    )


def _proves(each: Drilled, limit: LimitEntry) -> bool:
    """Whether a night shows what the cluster does: all of it was PASS, on a host that kept time.

    A drill whose fault had no effect, or a probe that asked nothing, would make limits too tight; a
    night beyond its own limit is nothing that the cluster may do again.
    """
    kinds = {each.drill.verdict, limit.verdict}
    return (
        kinds == {VerdictKind.PASS}
        and not each.doubt_of(limit)
        and limit.measured.requests != 0
        and limit.measured.longest_s <= limit.allowed_s
    )


def _digest(nights: Mapping[tuple[str, str, str, str], list[tuple[Drilled, LimitEntry]]]) -> str:
    lines = [
        [*place, each.run, each.drill.started, _proves(each, limit), limit.measured.longest_s]
        for place, pairs in nights.items()
        for each, limit in pairs
    ]
    return sha256(json.dumps(lines).encode()).hexdigest()
