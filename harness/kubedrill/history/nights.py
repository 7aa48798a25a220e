"""Series of nights out of the history's runs, without nights on a slow host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kubedrill.base.document import RunDocument
    from kubedrill.base.drill_entry import DrillEntry, LimitEntry, Measured

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

_TICK_S = 0.1
"""The interval of a probe where no night has one."""

_P50_FINEST_MS, _P99_FINEST_MS = 1.0, 10.0
"""Finer changes of latencies are the kernel's, not the cluster's."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""For whoever does not ask which nights lie in the future."""

AHEAD = timedelta(days=1)
"""A night that begins so long after now was dated by a wrong clock."""

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
    """One measure of one drill over nights, the oldest first; those without a sound date before.

    ``limit`` is the newest night's, None: it has none.
    """

    key: Key
    measure: str  # "outage app-*", "unavailable in fault api-*", "p50 dns*", "duration", …
    unit: str
    finest: float  # smaller changes are not claimed
    limit: float | None
    nights: tuple[Night, ...]

    @property
    def usable(self) -> list[Night]:
        """The nights that are compared."""
        return [night for night in self.nights if not night.aside]


class Drilled(NamedTuple):
    """One drill of one run, and why its host cannot be trusted (empty: it can)."""

    run: str
    drill: DrillEntry
    doubt: str

    def night(self, value: float, limit: LimitEntry | None = None, *, over: bool = False) -> Night:
        """A value of this night; it is set aside where the measurement of ``limit`` is in doubt."""
        aside = self.doubt_of(limit) if limit else self.doubt
        control_ms = self.drill.control.p50_ms or 0.0 if self.drill.control else 0.0
        return Night(self.run, self.drill.began, value, over, control_ms, aside)

    def doubt_of(self, limit: LimitEntry) -> str:
        """Why the measurement of a limit cannot be trusted; empty: it can."""
        return self.doubt or _doubt_of(limit)


def all_series(runs: Iterable[RunDocument], now: datetime = NEVER) -> list[Series]:
    """Every series of a history, sorted by key and measure."""
    return [series for key, drilled in grouped(runs, now) for series in _series(key, drilled)]


def grouped(
    runs: Iterable[RunDocument], now: datetime = NEVER
) -> Iterator[tuple[Key, list[Drilled]]]:
    """The drills that can be compared, sorted by key, the oldest first.

    Each night stands once, also where its run was copied under another name. One that has no date,
    or one after ``now``, has no place among the others: it stands before them, and is set aside.
    """
    groups: dict[Key, dict[tuple[object, ...], tuple[str, DrillEntry]]] = {}
    for run in sorted(runs, key=lambda run: run.run):
        for each in run.drills:
            labels = (each.topology, each.network, each.host, each.app)
            versions = (minor(each.kubernetes), minor(each.kubernetes_after))
            key = Key(*versions, *labels, each.name)
            night = (run.cluster, each.started, each.lasted_s, each.samples)
            groups.setdefault(key, {}).setdefault(night, (run.run, each))
    for key in sorted(groups):
        pairs = [(run, each, undated(each, now)) for run, each in groups[key].values()]
        ordered = sorted(pairs, key=lambda pair: (not pair[2], pair[1].began, pair[0]))
        usual = _Usual.of([drill for _, drill, _ in ordered])
        yield key, [Drilled(run, each, why or usual.doubt(each)) for run, each, why in ordered]


def undated(drill: DrillEntry, now: datetime) -> str:
    """Why nobody knows when a night was; empty: its date is sound."""
    if not drill.started:
        return "when it began is not recorded"
    # no sum: the greatest date has none after it
    return "it began in the future: a clock was wrong" if drill.began - now > AHEAD else ""


def _series(key: Key, drilled: list[Drilled]) -> list[Series]:
    durations = tuple(each.night(each.drill.lasted_s) for each in drilled)
    series = [Series(key, "duration", "s", _DURATION_FINEST_S, None, durations)]
    limits = (limit for each in drilled for limit in each.drill.predicted)
    for probes in dict.fromkeys(limit.probes for limit in limits):
        pairs = [
            (each, limit)
            for each in drilled
            for limit in each.drill.predicted
            if limit.probes == probes
        ]
        series += _series_of_limit(key, probes, pairs)
    return series


def _series_of_limit(
    key: Key, probes: str, pairs: Sequence[tuple[Drilled, LimitEntry]]
) -> Iterator[Series]:
    """What the probes of one outage limit went through.

    An outage's value is the longest that it can have been; it is over its limit where that is
    proven: the shortest that it can have been is.
    """
    newest = pairs[-1][1]
    tick = max(each.drill.tick_s for each, _ in pairs) or _TICK_S
    outages = tuple(
        each.night(
            limit.measured.longest_s, limit, over=limit.measured.shortest_s > limit.allowed_s
        )
        for each, limit in pairs
    )
    yield Series(key, f"outage {probes}", "s", tick, newest.allowed_s, outages)
    for measure, unit, finest, value_of in _MEASURES:
        nights = tuple(
            each.night(value, limit)
            for each, limit in pairs
            if (value := value_of(limit.measured)) is not None
        )
        if nights:
            yield Series(key, f"{measure} {probes}", unit, finest, None, nights)
    # without a limit it is judged by nothing, and would only cost the others sensitivity
    if newest.max_failed is not None:
        failed = tuple(
            each.night(
                limit.measured.failed,
                limit,
                over=limit.max_failed is not None and limit.measured.failed > limit.max_failed,
            )
            for each, limit in pairs
        )
        yield Series(key, f"failed {probes}", "requests", 1, newest.max_failed, failed)


def _unavailable(measured: Measured) -> float | None:
    return 100 * measured.failed / measured.requests if measured.requests else None


def _unavailable_in_fault(measured: Measured) -> float | None:
    available = measured.available_fault
    return None if available is None else 100 * (1 - available)


_MEASURES: tuple[tuple[str, str, float, Callable[[Measured], float | None]], ...] = (
    ("unavailable", "%", 0.1, _unavailable),
    ("unavailable in fault", "%", 0.1, _unavailable_in_fault),
    ("p50 in fault", "ms", _P50_FINEST_MS, lambda measured: measured.p50_fault_ms),
    ("p99 in fault", "ms", _P99_FINEST_MS, lambda measured: measured.p99_fault_ms),
)
"""What is compared besides outages: name, unit, finest change, and where it stands.

Runs of before have no latencies: such a series begins with the first night that has them.
"""


def _doubt_of(limit: LimitEntry) -> str:
    """INCONCLUSIVE is a good measurement only where the limit lies between sound bounds."""
    measured = limit.measured
    between = (
        measured.shortest_s <= limit.allowed_s < measured.longest_s and not measured.open_ended
    )
    if limit.verdict is not VerdictKind.INCONCLUSIVE or between:
        return ""
    return "the measurement was inconclusive"


@dataclass(frozen=True, slots=True)
class _Usual:
    """What the control probe and the ticks usually do in one drill on one host (milliseconds)."""

    p50_ms: float
    p99_ms: float
    lateness_ms: float

    @classmethod
    def of(cls, drills: Sequence[DrillEntry]) -> _Usual:
        sound = [(drill, drill.control) for drill in drills if drill.ended == "completed"]
        probes = [
            (control.p50_ms, control.p99_ms, drill.host_lateness_ms)
            for drill, control in sound
            if control and control.p50_ms and control.p99_ms is not None
        ]
        return cls(*(median(column) for column in zip(*(probes or [(0.0,) * 3]), strict=True)))

    def doubt(self, drill: DrillEntry) -> str:
        """Why this night is set aside, looking only at what is outside the cluster.

        Empty: it is not.
        """
        if drill.ended != "completed":
            return f"the drill ended {drill.ended or 'without saying how'}"
        control = drill.control
        # an answer that took no time at all was none
        if control is None or not control.p50_ms or control.p99_ms is None:
            return "no control probe: the host cannot be told from the cluster"
        lateness_ms = drill.host_lateness_ms
        signs = {
            "the control probe failed": control.failed,
            "the control probe answered late": control.p50_ms > SLOW_MEDIAN * self.p50_ms,
            "the control probe's slowest answers came late": (
                control.p99_ms > max(PROMPT_MS, SLOW_TAIL * self.p99_ms)
            ),
            "probes fired late": lateness_ms > max(UNTIMELY_MS, LATE * self.lateness_ms),
        }
        return next((f"slow host: {text}" for text, slow in signs.items() if slow), "")
