"""Trends that claim no more than the nights show: fixed budgets, median and worst of n, and one exact test.

A pure function of the history's runs. docs/history.md tells the rules and what they were measured to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING

from harness.history.exact import corrected_level, rank_sum
from harness.history.nights import Night, Series, all_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.history.entry import RunEntry
    from harness.history.exact import RankSum


class Change(StrEnum):
    """What can be said about the last nights against those before."""

    WORSE = "worse"
    BETTER = "better"
    NONE = "no change found"
    HOST = "the host changed"  # the control probe moved the same way: nobody can say that it was the product
    NOISE = "slow or doubtful nights"  # too many of the last nights were set aside
    INSUFFICIENT = "insufficient history"


@dataclass(frozen=True, slots=True)
class Rules:
    """How changes are told.

    The last ``recent`` nights are compared with up to ``window`` before them, at least ``before``. ``alarm_rate`` is
    the chance at most that one look at all series flags anything where nothing changed. 5 against 10: with so few an
    exact two-sided test just reaches 0.001 (2 of 3,003 choices); 1 %: one false alarm in a hundred nightly looks.
    """

    recent: int = 5
    before: int = 10
    window: int = 30
    alarm_rate: float = 0.01

    @property
    def least(self) -> int:
        """Fewer usable nights than this are insufficient history."""
        return self.recent + self.before


@dataclass(frozen=True, slots=True)
class Trend:
    """What is known of one series. Values in the series' unit; ``p`` and medians are None where nothing was tested.

    ``over`` counts nights above the budget of that night, those set aside included.
    """

    series: Series
    change: Change
    note: str
    usable: int
    over: int
    latest: float | None
    median: float | None
    worst: float | None
    median_before: float | None = None
    median_recent: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the whole history. ``level`` is what each tested series had to reach."""

    rules: Rules
    level: float
    trends: tuple[Trend, ...]

    @property
    def worse(self) -> tuple[Trend, ...]:
        """The series that got worse."""
        return tuple(trend for trend in self.trends if trend.change is Change.WORSE)


@dataclass(frozen=True, slots=True)
class _Case:
    """A series with the nights that are compared; empty where they cannot be."""

    series: Series
    before: tuple[Night, ...] = ()
    recent: tuple[Night, ...] = ()
    why_not: Change | None = None
    note: str = ""

    def test(self) -> RankSum:
        return rank_sum([night.value for night in self.before], [night.value for night in self.recent])

    def host_test(self) -> RankSum:
        return rank_sum([night.control_ms for night in self.before], [night.control_ms for night in self.recent])


def look(runs: Iterable[RunEntry], rules: Rules | None = None) -> Look:
    """Look at all series of a history. Runs may come in any order; nights are ordered by when their drill began."""
    rules = rules or Rules()
    cases = [_compare(series, rules) for series in all_series(runs)]
    tests = [None if case.why_not else case.test() for case in cases]
    level = corrected_level([test.least for test in tests if test], rules.alarm_rate)
    return Look(rules, level, tuple(_trend(case, test, level) for case, test in zip(cases, tests, strict=True)))


def _compare(series: Series, rules: Rules) -> _Case:
    usable = series.usable
    if len(usable) < rules.least:
        return _Case(
            series, why_not=Change.INSUFFICIENT, note=f"{len(usable)} usable nights, {rules.least} are the least"
        )
    aside = [night for night in series.nights[-rules.recent :] if night.aside]
    if 2 * len(aside) > rules.recent:
        reasons = "; ".join(sorted({night.aside for night in aside}))
        return _Case(
            series, why_not=Change.NOISE, note=f"{len(aside)} of the last {rules.recent} nights set aside: {reasons}"
        )
    recent = usable[-rules.recent :]
    before = usable[-rules.recent - rules.window : -rules.recent]
    return _Case(series, tuple(before), tuple(recent))


def _trend(case: _Case, test: RankSum | None, level: float) -> Trend:
    series, usable = case.series, case.series.usable
    values = [night.value for night in usable]
    change, note = (case.why_not or Change.NONE, case.note) if test is None else _judge(case, test, level)
    return Trend(
        series=series,
        change=change,
        note=note,
        usable=len(usable),
        over=sum(night.over for night in series.nights),
        latest=series.nights[-1].value if series.nights and not series.nights[-1].aside else None,
        median=median(values) if values else None,
        worst=max(values, default=None),
        median_before=_median(case.before),
        median_recent=_median(case.recent),
        p=test.p if test else None,
    )


def _median(nights: Sequence[Night]) -> float | None:
    return median(night.value for night in nights) if nights else None


def _judge(case: _Case, test: RankSum, level: float) -> tuple[Change, str]:
    before, recent = _median(case.before) or 0.0, _median(case.recent) or 0.0
    fewest = _fewest(len(case.before), len(case.recent))
    if fewest > level:
        return Change.INSUFFICIENT, f"so few nights cannot reach p = {level:.2g}, which so many series ask for"
    if test.p > level:
        return Change.NONE, ""
    moved = f"median {before:.3g} to {recent:.3g} {case.series.unit}, p = {test.p:.2g}"
    if abs(recent - before) < case.series.finest:
        return Change.NONE, f"{moved}: finer than can be measured ({case.series.finest:g} {case.series.unit})"
    host = case.host_test()
    if host.p <= HOST_LEVEL and host.higher == test.higher:
        return Change.HOST, f"{moved}; but the control probe's latency moved the same way (p = {host.p:.2g})"
    return (Change.WORSE if test.higher else Change.BETTER), moved


HOST_LEVEL = 0.05
"""Not corrected for the number of series: doubt about the host is to be raised easily. It costs one real change in
forty (half of 5 %: the same direction), which is then told as the host's."""


def _fewest(before: int, recent: int) -> float:
    """The smallest p that so many nights could give without ties."""
    return rank_sum(range(before), range(before, before + recent)).least
