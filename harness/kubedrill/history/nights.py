"""Series of nights out of the history's runs, and which nights are set aside because their host was slow."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from kubedrill.base.model import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from kubedrill.history.entry import BudgetEntry, ControlEntry, DrillEntry, RunEntry

PROMPT_MS = 10.0
"""A 99th percentile of the control probe below this never sets a night aside: docs/explanation/verdict.md calls
such prompt."""

SLOW_MEDIAN, SLOW_TAIL, LATE = 1.5, 3.0, 3.0
"""Times the usual of the same drill on the same host above which a night's control probe (median,
99th percentile) or lateness is slow. In this project's first real drills quiet ones had medians of
0.66-0.83 ms, crowded ones 1.15-1.36."""

UNTIMELY_MS = 50.0
"""Lateness below half an interval at 10 Hz never sets a night aside: docs/explanation/verdict.md calls such
ticks on time."""

_DURATION_FINEST_S = 1.0
"""Finer changes of how long a drill lasts are of no use to anybody: polls for health are 5 s
apart."""


class Key(NamedTuple):
    """What nights must have in common to be compared."""

    before: str
    after: str
    topology: str
    network: str
    host: str
    app: str
    drill: str

    def __str__(self) -> str:
        versions = (
            self.before if self.before == self.after else f"{self.before} → {self.after or '?'}"
        )
        return f"{versions}, {self.topology}, {self.network}, {self.host}, {self.app}"


@dataclass(frozen=True, slots=True)
class Night:
    """One value. ``aside`` says why it is not compared, empty where it is.

    ``over``: above that night's budget.
    """

    run: str
    started: datetime
    value: float
    over: bool
    control_ms: float
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One measure of one drill over nights, the oldest first.

    ``budget`` is the newest night's, None: it has none.
    """

    key: Key
    measure: str  # "outage app-*", "failed api-*", "duration"
    unit: str
    finest: float  # smaller changes are not claimed
    budget: float | None
    nights: tuple[Night, ...]

    @property
    def usable(self) -> list[Night]:
        """The nights that are compared."""
        return [night for night in self.nights if not night.aside]


class _Seen(NamedTuple):
    """One drill of one run, and why its host cannot be trusted (empty: it can)."""

    run: str
    drill: DrillEntry
    doubt: str


def all_series(runs: Iterable[RunEntry]) -> list[Series]:
    """Every series of a history, sorted by key and measure."""
    groups: dict[Key, list[tuple[str, DrillEntry]]] = {}
    for run in runs:
        for each in run.drills:
            key = Key(
                each.before, each.after, each.topology, each.network, each.host, each.app, each.name
            )
            groups.setdefault(key, []).append((run.run, each))
    return [series for key in sorted(groups) for series in _series(key, groups[key])]


def _series(key: Key, drills: list[tuple[str, DrillEntry]]) -> list[Series]:
    ordered = sorted(drills, key=lambda pair: (pair[1].started, pair[0]))
    usual = _Usual.of([drill for _, drill in ordered])
    seen = [_Seen(run, drill, usual.doubt(drill)) for run, drill in ordered]
    measures = list(
        dict.fromkeys(budget.probes for _, drill in ordered for budget in drill.budgets)
    )
    found = [
        Series(
            key, "duration", "s", _DURATION_FINEST_S, None, tuple(_duration(each) for each in seen)
        )
    ]
    for probes in measures:
        pairs = [(each, b) for each in seen for b in each.drill.budgets if b.probes == probes]
        newest = pairs[-1][1]
        tick = max(each.drill.tick_s for each, _ in pairs)
        outages = tuple(_outage(each, budget) for each, budget in pairs)
        found.append(Series(key, f"outage {probes}", "s", tick, newest.limit_s, outages))
        if (
            newest.max_failed is not None
        ):  # else it is judged by nothing, and would only cost the others sensitivity
            failed = tuple(_failed(each, budget) for each, budget in pairs)
            found.append(Series(key, f"failed {probes}", "requests", 1, newest.max_failed, failed))
    return found


def _duration(seen: _Seen) -> Night:
    drill = seen.drill
    return Night(
        seen.run,
        drill.started,
        drill.lasted_s,
        over=False,
        control_ms=_control_ms(drill),
        aside=seen.doubt,
    )


def _outage(seen: _Seen, budget: BudgetEntry) -> Night:
    """The longest that the outage can have been.

    Over budget is what was proven: its shortest is over.
    """
    aside = seen.doubt or _doubtful(budget)
    over = budget.shortest_s > budget.limit_s
    return Night(
        seen.run, seen.drill.started, budget.longest_s, over, _control_ms(seen.drill), aside
    )


def _failed(seen: _Seen, budget: BudgetEntry) -> Night:
    over = budget.max_failed is not None and budget.failed > budget.max_failed
    aside = seen.doubt or _doubtful(budget)
    return Night(seen.run, seen.drill.started, budget.failed, over, _control_ms(seen.drill), aside)


def _doubtful(budget: BudgetEntry) -> str:
    """A budget's INCONCLUSIVE is a good measurement only where the limit lies between sound bounds."""
    between = budget.shortest_s <= budget.limit_s < budget.longest_s and not budget.open_ended
    return (
        ""
        if budget.verdict is not VerdictKind.INCONCLUSIVE or between
        else "the measurement was inconclusive"
    )


def _control_ms(drill: DrillEntry) -> float:
    return drill.control.p50_ms or 0.0 if drill.control else 0.0


@dataclass(frozen=True, slots=True)
class _Usual:
    """What the control probe and the ticks usually do in one drill on one host (milliseconds)."""

    p50_ms: float
    p99_ms: float
    lateness_ms: float

    @classmethod
    def of(cls, drills: Sequence[DrillEntry]) -> _Usual:
        sound = [(drill, drill.control) for drill in drills if _complete(drill)]
        probes = [control for _, control in sound if control]
        return cls(
            median([probe.p50_ms or 0.0 for probe in probes] or [0.0]),
            median([probe.p99_ms or 0.0 for probe in probes] or [0.0]),
            median([drill.host_lateness_ms for drill, _ in sound] or [0.0]),
        )

    def doubt(self, drill: DrillEntry) -> str:
        """Why this night is set aside, looking only at what is outside the cluster.

        Empty: it is not.
        """
        if drill.ended != "completed":
            return f"the drill ended {drill.ended or 'without saying how'}"
        control = drill.control
        if control is None or control.p50_ms is None or control.p99_ms is None:
            return "no control probe: the host cannot be told from the cluster"
        return self._slow(control, drill.host_lateness_ms)

    def _slow(self, control: ControlEntry, lateness_ms: float) -> str:
        p50, p99 = control.p50_ms or 0.0, control.p99_ms or 0.0
        if control.failed:
            return "slow host: the control probe failed"
        if p50 > SLOW_MEDIAN * self.p50_ms:
            return "slow host: the control probe answered late"
        if p99 > max(PROMPT_MS, SLOW_TAIL * self.p99_ms):
            return "slow host: the control probe's slowest answers came late"
        if lateness_ms > max(UNTIMELY_MS, LATE * self.lateness_ms):
            return "slow host: probes fired late"
        return ""


def _complete(drill: DrillEntry) -> bool:
    control = drill.control
    return drill.ended == "completed" and bool(
        control and control.p50_ms is not None and control.p99_ms is not None
    )
