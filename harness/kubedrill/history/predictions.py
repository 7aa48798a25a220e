"""How well predictions held, over history: a pure function of the history's runs."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from kubedrill.base.results import FAR_LESS, VerdictKind
from kubedrill.config.limits import LimitsFromHistory
from kubedrill.history.baselines import longest_allowed
from kubedrill.history.nights import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from kubedrill.base.document import RunDocument
    from kubedrill.base.drill_entry import LimitEntry


class _Night(NamedTuple):
    began: datetime
    limit: LimitEntry
    aside: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the predictions of one drill for one group of probes held, on one topology.

    ``exceeded``: the outage was surely longer than predicted. ``far_less``: users felt less than
    half of the least that was predicted. Both of ``nights``, without ``aside``, on which the host
    was slow or the measurement in doubt. Seconds: the newest prediction and limit, longest outages,
    and the limit that this cluster would hold, from what it did before (None: too few nights).
    """

    drill: str
    topology: str
    probes: str
    nights: int
    aside: int
    exceeded: int
    far_less: int
    predicted_s: float | None
    median_s: float | None
    worst_s: float | None
    limit_s: float | None = None
    baseline_s: float | None = None

    @property
    def is_wide(self) -> bool:
        """Whether an outage far beyond what the cluster ever did would be within the limit."""
        if self.limit_s is None or self.baseline_s is None:
            return False
        return self.limit_s > self.baseline_s

    @property
    def held(self) -> int:
        """Nights on which the measured stayed within the prediction."""
        return self.nights - self.exceeded

    def __str__(self) -> str:
        """Tell it in a sentence.

        >>> str(Calibration("node-hang", "3+2", "api-*", 12, 0, 1, 0, 4.3, 0.9, 5.0))
        'node-hang on 3+2, api-*: within the prediction on 11 of 12 nights, worst 5 s'
        """
        if not self.nights:
            return f"{self.drill} on {self.topology}, {self.probes}: no night to tell from"
        less = f", far less than predicted on {self.far_less}" if self.far_less else ""
        return (
            f"{self.drill} on {self.topology}, {self.probes}: within the prediction on {self.held} "
            f"of {self.nights} nights, worst {self.worst_s:g} s{less}"
        )


def calibrate(runs: Iterable[RunDocument]) -> list[Calibration]:
    """Every drill, topology and group of probes, sorted."""
    groups: dict[tuple[str, str, str], list[_Night]] = {}
    for key, drilled in grouped(runs):
        for each in drilled:
            for limit in each.drill.predicted:
                night = _Night(each.drill.began, limit, each.doubt_of(limit))
                groups.setdefault((key.drill, key.topology, limit.probes), []).append(night)
    return [_calibration(*key, groups[key]) for key in sorted(groups)]


def _calibration(drill: str, topology: str, probes: str, nights: Sequence[_Night]) -> Calibration:
    ordered = sorted(nights, key=lambda night: night.began)
    limits = [night.limit for night in ordered if not night.aside]
    longest = [limit.measured.longest_s for limit in limits]
    held = [limit.measured.longest_s for limit in limits if limit.verdict is VerdictKind.PASS]
    return Calibration(
        drill=drill,
        topology=topology,
        probes=probes,
        nights=len(limits),
        aside=len(nights) - len(limits),
        exceeded=sum(limit.measured.shortest_s > limit.predicted_s for limit in limits),
        far_less=sum(_is_far_less(limit) for limit in limits),
        predicted_s=limits[-1].predicted_s if limits else None,
        median_s=median(longest) if longest else None,
        worst_s=max(longest, default=None),
        limit_s=limits[-1].limit_s if limits else None,
        baseline_s=longest_allowed(held, LimitsFromHistory()),
    )


def _is_far_less(limit: LimitEntry) -> bool:
    felt = limit.measured.felt_s
    return felt is not None and felt < FAR_LESS * limit.least_s
