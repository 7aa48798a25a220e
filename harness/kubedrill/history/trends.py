"""Trends that claim no more than the nights show.

Fixed limits, median and worst of n, and a test for shifts that allows for dependent nights.

A pure function of the history's runs. The rules, and what they were measured to detect, are in
docs/explanation/trends.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from math import comb, log
from statistics import median
from typing import TYPE_CHECKING

from kubedrill.history.nights import NEVER, Night, Series, all_series
from kubedrill.history.rank_test import corrected_level, rank_sum
from kubedrill.history.shift_test import shift

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from kubedrill.base.document import RunDocument
    from kubedrill.history.rank_test import RankSum


class Change(StrEnum):
    """What can be said about the last nights against those before."""

    WORSE = "worse"
    BETTER = "better"
    NONE = "no change found"
    # the control probe moved the same way: nobody can say that it was the product
    HOST = "the host changed"
    NOISE = "slow or doubtful nights"  # too many of the last nights were set aside
    INSUFFICIENT = "insufficient history"


@dataclass(frozen=True, slots=True)
class Rules:
    """How changes are found.

    For each count of ``recents`` the last nights are compared with up to ``window`` before them, at
    least ``before``. ``alarm_rate`` is the chance at most that one look at all series flags
    anything where nothing changed.

    3: a large change is reported soon. 5 and 10: a small one that stays gathers evidence. 60
    nights before, as fewer do not tell a change from nights that depend on each other. 1 %: one
    false alarm in a hundred nightly looks at most.
    """

    recents: tuple[int, ...] = (3, 5, 10)
    before: int = 10
    window: int = 60
    alarm_rate: float = 0.01

    @property
    def least(self) -> int:
        """Fewer usable nights than this are insufficient history."""
        return min(self.recents) + self.before


@dataclass(frozen=True, slots=True)
class Trend:
    """What is known of one series.

    Values in the series' unit; ``p`` and medians are None where nothing was tested.

    ``over`` counts nights above the limit of that night, those set aside included.
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
    recent: int | None = None  # how many nights the strongest test took as recent
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Trends:
    """One look at the whole history. ``level`` is what each tested series had to reach."""

    rules: Rules
    level: float
    trends: tuple[Trend, ...]

    @property
    def worse(self) -> tuple[Trend, ...]:
        """The series that got worse."""
        return tuple(trend for trend in self.trends if trend.change is Change.WORSE)


@dataclass(frozen=True, slots=True)
class _Test:
    """Recent nights against those before them.

    ``least`` is the smallest p that was possible, ``ratio_p`` the p of the values' ratio to the
    control probe.
    """

    before: tuple[Night, ...]
    recent: tuple[Night, ...]
    p: float
    least: float
    higher: bool
    ratio_p: float
    tied: bool

    @classmethod
    def of(cls, series: Series, recent: int, window: int) -> _Test:
        usable = series.usable
        last, earlier = tuple(usable[-recent:]), tuple(usable[-recent - window : -recent])
        values = [night.value for night in earlier]
        tied = TIED * max(Counter(values).values()) > len(values)
        logs = [[log(night.value + series.finest) for night in part] for part in (earlier, last)]
        ratios = [
            [
                value - log(night.control_ms or 1.0)
                for value, night in zip(part, nights, strict=True)
            ]
            for part, nights in zip(logs, (earlier, last), strict=True)
        ]
        result, ratio = shift(*logs), shift(*ratios)
        p, least, higher = (result.p, 0.0, result.higher) if result else (0.0, 0.0, True)
        if tied or result is None:
            ranks = rank_sum(values, [night.value for night in last])
            agree = result is None or result.higher == ranks.higher
            p, least = max(p, ranks.p) if agree else 1.0, ranks.least
            higher = ranks.higher
        ratio_p = ratio.p if ratio and ratio.higher == higher else 1.0
        return cls(earlier, last, p, least, higher, ratio_p if ratio else p, tied)

    def of_host(self) -> RankSum:
        """The same nights, by what the control probe saw."""
        return rank_sum(
            [night.control_ms for night in self.before], [night.control_ms for night in self.recent]
        )

    @property
    def medians(self) -> tuple[float, float]:
        return median(night.value for night in self.before), median(
            night.value for night in self.recent
        )


@dataclass(frozen=True, slots=True)
class _Case:
    """A series with its tests; none where it cannot be tested, and why."""

    series: Series
    tests: tuple[_Test, ...] = ()
    why_not: Change = Change.NONE
    note: str = ""


def find_trends(
    runs: Iterable[RunDocument], rules: Rules | None = None, now: datetime = NEVER
) -> Trends:
    """Look at all series of a history.

    Runs may come in any order; nights are ordered by when their drill began. Those that began
    after ``now`` are set aside.
    """
    rules = rules or Rules()
    cases = [_compare(series, rules) for series in all_series(runs, now)]
    level = corrected_level([test.least for case in cases for test in case.tests], rules.alarm_rate)
    return Trends(rules, level, tuple(_trend(case, level) for case in cases))


def _compare(series: Series, rules: Rules) -> _Case:
    usable = series.usable
    if len(usable) < rules.least:
        note = f"{len(usable)} usable nights, {rules.least} are the least"
        return _Case(series, why_not=Change.INSUFFICIENT, note=note)
    last = series.nights[-5:]
    aside = [night.aside for night in last if night.aside]
    if 2 * len(aside) > len(last):
        note = (
            f"{len(aside)} of the last {len(last)} nights set aside: "
            f"{'; '.join(sorted(set(aside)))}"
        )
        return _Case(series, why_not=Change.NOISE, note=note)
    possible = [recent for recent in rules.recents if len(usable) >= recent + rules.before]
    return _Case(series, tuple(_Test.of(series, recent, rules.window) for recent in possible))


def _trend(case: _Case, level: float) -> Trend:
    series, usable = case.series, case.series.usable
    values = [night.value for night in usable]
    test = min(case.tests, key=lambda each: each.p, default=None)
    change, note = (case.why_not, case.note) if test is None else _judge(case, test, level)
    return Trend(
        series=series,
        change=change,
        note=note,
        usable=len(usable),
        over=sum(night.over for night in series.nights),
        latest=series.nights[-1].value if series.nights and not series.nights[-1].aside else None,
        median=median(values) if values else None,
        worst=max(values, default=None),
        median_before=test.medians[0] if test else None,
        median_recent=test.medians[1] if test else None,
        recent=len(test.recent) if test else None,
        p=test.p if test else None,
    )


def _judge(case: _Case, test: _Test, level: float) -> tuple[Change, str]:
    series = case.series
    if all(each.tied and _fewest(each) > level for each in case.tests):
        return (
            Change.INSUFFICIENT,
            f"so few nights cannot reach p = {level:.2g}, which so many series ask for",
        )
    if test.p > level:
        return Change.NONE, ""
    before, recent = test.medians
    moved = (
        f"median {before:.3g} to {recent:.3g} {series.unit} in the last {len(test.recent)}, p "
        f"= {test.p:.2g}"
    )
    if abs(recent - before) < series.finest:
        return Change.NONE, f"{moved}: finer than can be measured ({series.finest:g} {series.unit})"
    host = test.of_host()
    if host.p <= HOST_LEVEL and host.higher == test.higher and test.ratio_p > level:
        return (
            Change.HOST,
            f"{moved}; but the control probe's latency moved the same way (p = {host.p:.2g})",
        )
    return (Change.WORSE if test.higher else Change.BETTER), moved


def _fewest(test: _Test) -> float:
    """The smallest p that so many nights could give without ties."""
    return min(1.0, 2 / comb(len(test.before) + len(test.recent), len(test.recent)))


TIED = 3
"""A series of which one value makes up more than one in three nights, as 0 s of outage, is no
bell curve on any scale: it has to pass the exact rank test as well."""

HOST_LEVEL = 0.05
"""Not corrected for the number of series: doubt about the host is to be raised easily. It takes
nothing from a change that the ratio to the control probe shows as well."""
