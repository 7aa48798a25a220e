"""Series of nights out of the history's runs, without nights on a slow host."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from kubedrill.base.document import ControlEntry, DrillEntry, LimitEntry, RunDocument

PROMPT_MS = 10.0
"""A 99th percentile of the control probe below this never sets a night aside: it is prompt
(docs/explanation/verdict.md)."""

SLOW_MEDIAN, SLOW_TAIL, LATE = 1.5, 3.0, 3.0
"""Times the usual of the same drill on the same host above which a night's control probe (median,
99th percentile) or lateness is slow. In this project's first real drills quiet ones had medians of
0.66-0.83 ms, crowded ones 1.15-1.36."""

UNTIMELY_MS = 50.0
"""Lateness below half an interval at 10 Hz never sets a night aside: such ticks are on time
(docs/explanation/verdict.md)."""

_DURATION_FINEST_S = 1.0
"""Finer changes of how long a drill lasts are of no use to anybody: polls for health are 5 s
apart."""


def minor(version: str) -> str:
    """A version without its patch release, which continues the series of its minor.

    >>> minor("1.36.3")
    '1.36'
    """
    return ".".join(version.split(".")[:2])


class Key(NamedTuple):
    """What nights must have in common to be compared; versions are minors."""

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

    ``over``: above that night's limit.
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

    ``limit`` is the newest night's, None: it has none.
    """

    key: Key
    measure: str  # "outage app-*", "unavailable app-*", "failed api-*", "duration"
    unit: str
    finest: float  # smaller changes are not claimed
    limit: float | None
    nights: tuple[Night, ...]

    @property
    def usable(self) -> list[Night]:
        """The nights that are compared."""
        return [night for night in self.nights if not night.aside]


class _Drilled(NamedTuple):
    """One drill of one run, and why its host cannot be trusted (empty: it can)."""

    run: str
    drill: DrillEntry
    doubt: str


def all_series(runs: Iterable[RunDocument]) -> list[Series]:
    """Every series of a history, sorted by key and measure."""
    groups: dict[Key, list[tuple[str, DrillEntry]]] = {}
    for run in runs:
        for each in run.drills:
            labels = (each.topology, each.network, each.host, each.app)
            versions = (minor(each.kubernetes), minor(each.kubernetes_after))
            key = Key(*versions, *labels, each.name)
            groups.setdefault(key, []).append((run.run, each))
    return [series for key in sorted(groups) for series in _series(key, groups[key])]


def _series(key: Key, drills: list[tuple[str, DrillEntry]]) -> list[Series]:
    ordered = sorted(drills, key=lambda pair: (pair[1].began, pair[0]))
    usual = _Usual.of([drill for _, drill in ordered])
    drilled = [_Drilled(run, drill, usual.doubt(drill)) for run, drill in ordered]
    measures = list(
        dict.fromkeys(limit.probes for _, drill in ordered for limit in drill.predicted)
    )
    series = [
        Series(
            key,
            "duration",
            "s",
            _DURATION_FINEST_S,
            None,
            tuple(_duration(each) for each in drilled),
        )
    ]
    for probes in measures:
        pairs = [
            (each, limit)
            for each in drilled
            for limit in each.drill.predicted
            if limit.probes == probes
        ]
        newest = pairs[-1][1]
        tick = max(each.drill.tick_s for each, _ in pairs)
        outages = tuple(_outage(each, limit) for each, limit in pairs)
        series.append(Series(key, f"outage {probes}", "s", tick, newest.limit_s, outages))
        shares = tuple(
            _unavailable(each, limit, 100 * limit.measured.failed / limit.measured.requests)
            for each, limit in pairs
            if limit.measured.requests
        )
        if shares:
            series.append(Series(key, f"unavailable {probes}", "%", 0.1, None, shares))
        if (
            newest.max_failed is not None
        ):  # else it is judged by nothing, and would only cost the others sensitivity
            failed = tuple(_failed(each, limit) for each, limit in pairs)
            series.append(Series(key, f"failed {probes}", "requests", 1, newest.max_failed, failed))
    return series


def _duration(drilled: _Drilled) -> Night:
    drill = drilled.drill
    return Night(
        drilled.run,
        drill.began,
        drill.lasted_s,
        over=False,
        control_ms=_control_ms(drill),
        aside=drilled.doubt,
    )


def _outage(drilled: _Drilled, limit: LimitEntry) -> Night:
    """The longest that the outage can have been.

    Over its limit is what was proven: its shortest is over.
    """
    aside = drilled.doubt or _doubtful(limit)
    measured, drill = limit.measured, drilled.drill
    over = measured.shortest_s > limit.limit_s
    return Night(drilled.run, drill.began, measured.longest_s, over, _control_ms(drill), aside)


def _unavailable(drilled: _Drilled, limit: LimitEntry, value: float) -> Night:
    aside = drilled.doubt or _doubtful(limit)
    return Night(
        drilled.run,
        drilled.drill.began,
        value,
        over=False,
        control_ms=_control_ms(drilled.drill),
        aside=aside,
    )


def _failed(drilled: _Drilled, limit: LimitEntry) -> Night:
    failed, drill = limit.measured.failed, drilled.drill
    over = limit.max_failed is not None and failed > limit.max_failed
    aside = drilled.doubt or _doubtful(limit)
    return Night(drilled.run, drill.began, failed, over, _control_ms(drill), aside)


def _doubtful(limit: LimitEntry) -> str:
    """INCONCLUSIVE is a good measurement only where the limit lies between sound bounds."""
    measured = limit.measured
    between = measured.shortest_s <= limit.limit_s < measured.longest_s and not measured.open_ended
    if limit.verdict is not VerdictKind.INCONCLUSIVE or between:
        return ""
    return "the measurement was inconclusive"


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
