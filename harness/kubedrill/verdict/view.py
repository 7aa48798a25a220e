"""A record, arranged for judging: samples by probe, what cannot be relied on, what ran when."""

from __future__ import annotations

from bisect import bisect_left
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, STEADY, ProbeSpec, Record, Vantage, inside_clock
from kubedrill.record.columns import Columns
from kubedrill.record.latencies import Latencies
from kubedrill.record.samples import Samples
from kubedrill.verdict.attribution import Steps
from kubedrill.verdict.blind import MOSTLY, Interval, Windows, late_ticks, slow_host
from kubedrill.verdict.outages import Run, find_runs
from kubedrill.verdict.vantages import find_excused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kubedrill.base.model import OutageLimit

TOUCHING = ("fault", "ansible", "step")
"""Lanes of what a drill does to the cluster, the most telling one first."""

GAP_INTERVALS = 5  # DESIGN: missing data is never a pass. A gap is five ticks without one fired ...
# ... or a second, whichever is longer; never more than the outage that the probe's limit allows
GAP_AT_LEAST_S = 1.0
# a killed process is a fault of no length
FELT_NS = 10 * NS


class View:
    """Everything that the rules ask of a record, computed once.

    Requests sent before the steady state are not judged: nothing had been broken yet, and what they
    saw is what came before the drill: an earlier run's prober, a rollout of the application to
    begin with.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.specs = {spec.name: spec for spec in record.header.probes}
        samples = Samples.of(record.samples)
        by_probe = samples.by_probe
        # Nothing that the runner wrote after a fault began counts.
        fault = min((s.start for s in record.spans if s.lane in TOUCHING), default=0)
        # Nor does a second steady state, which would hide what was between.
        steady = [e for e in record.events if e.lane == STEADY and e.at <= fault]
        self.steady = min(steady, key=lambda event: event.at, default=None)
        begin = self.steady.at if self.steady else record.header.started_mono
        self.samples = {
            name: columns for name, all_ in by_probe.items() if (columns := all_.since(begin))
        }
        self._by_probe, self._since_begin = by_probe, self.samples
        self.excused = find_excused(record, self.samples, self.gap_ns)
        self.samples = {
            name: columns
            for name, all_ in self.samples.items()
            if (columns := all_.outside(self.excused.get(name, ())))
        }
        self.last_sample = samples.last_done
        self.last_time = max(
            self.last_sample,
            record.header.started_mono,
            record.ended_at or 0,
            *(max(span.start, span.end or 0) for span in record.spans),
            *(event.at for event in record.events),
        )
        self.first_time = min(
            (columns.fired[0] for columns in self.samples.values()), default=self.last_time
        )
        self.steps = Steps(record.spans, self.last_time)
        self._blind: dict[str, Windows] = {}

    def of(self, spec: ProbeSpec) -> Columns:
        """The samples of a probe, none where the record has none."""
        return self.samples.get(spec.name) or Columns(spec.name)

    def apart(self, spec: ProbeSpec, stretches: Iterable[Interval]) -> Iterator[Interval]:
        """Places (first, last) of samples, parted where time between them is excused."""
        fired = self.of(spec).fired
        cuts = sorted({bisect_left(fired, start) for start, _ in self.excused[spec.name]})
        for first, last in stretches:
            edges = [first, *(cut for cut in cuts if first < cut <= last), last + 1]
            yield from ((a, b - 1) for a, b in pairwise(edges))

    def parts(self, spec: ProbeSpec) -> list[Columns]:
        """The samples of a probe before, between and after the times that are excused."""
        samples = self.of(spec)
        whole = [(0, len(samples) - 1)] if samples else []
        return [samples.part(a, b + 1) for a, b in self.apart(spec, whole)]

    @property
    def cluster_probes(self) -> list[ProbeSpec]:
        """The probes that limits are about."""
        return [spec for spec in self.specs.values() if spec.vantage is not Vantage.CONTROL]

    @property
    def control_probes(self) -> list[ProbeSpec]:
        """The probes whose failures are not the cluster's."""
        return [spec for spec in self.specs.values() if spec.vantage is Vantage.CONTROL]

    @cached_property
    def runs(self) -> dict[str, list[Run]]:
        """Outages of each probe in the header."""
        return {name: find_runs(self.of(spec)) for name, spec in self.specs.items()}

    @cached_property
    def gaps(self) -> dict[str, list[Interval]]:
        """For each probe, the times during which no tick was fired for too long."""
        return {
            name: list(self.of(spec).spaces(self.gap_ns(spec))) for name, spec in self.specs.items()
        }

    @cached_property
    def holes(self) -> dict[str, Windows]:
        """The gaps of each probe, to look times up in."""
        return {name: Windows(gaps) for name, gaps in self.gaps.items()}

    @cached_property
    def control_blind(self) -> Windows:
        """When a control probe failed, or said nothing.

        Also before its first request and after its last one.
        """
        intervals = []
        for spec in self.control_probes:
            intervals += [(run.lower, run.upper) for run in self.runs[spec.name]] + self.gaps[
                spec.name
            ]
            columns, near = self.of(spec), self.gap_ns(spec)
            unwatched = [(self.first_time, self.last_time)]
            if columns:
                unwatched = [
                    (self.first_time, columns.fired[0] - near),
                    (columns.fired[-1] + near, self.last_time),
                ]
            intervals += [(start, end) for start, end in unwatched if start < end]
        return Windows(intervals)

    @cached_property
    def host_slow(self) -> Windows:
        """When a control probe was answered slowly, or not at all.

        The host was slow, whatever the cluster was.
        """
        probes = self.control_probes
        windows = Windows(w for spec in probes for w in slow_host(self.of(spec), spec))
        mostly = windows.share(self.first_time, self.last_sample) > MOSTLY
        return Windows([(self.first_time, self.last_time)]) if mostly else windows

    def blind(self, spec: ProbeSpec) -> Windows:
        """When ticks of a probe were late, so that nobody looked.

        A slow host is no reason to take an outage for longer: ticks that were on time bound it, and
        a slow host can only make answers worse. It keeps failures from being laid to the cluster,
        see :attr:`host_slow`.
        """
        if spec.name not in self._blind:
            self._blind[spec.name] = Windows(late_ticks(self.of(spec), spec))
        return self._blind[spec.name]

    def last_end(self, *lanes: str) -> int:
        """When the last span of some lanes ended; 0 without any."""
        spans = [s for s in self.record.spans if s.lane in lanes]
        return max((self.last_time if s.end is None else s.end for s in spans), default=0)

    @cached_property
    def touched(self) -> Interval | None:
        """From when to when the drill changed the cluster.

        Fault windows, else Ansible tasks, else steps.
        """
        for lane in TOUCHING:
            spans = [s for s in self.record.spans if s.lane == lane]
            if spans:
                return min(s.start for s in spans), max(
                    self.last_time if s.end is None else s.end for s in spans
                )
        return None

    @cached_property
    def fault_window(self) -> Interval:
        """The time in which the fault can be felt: while it was made, and not less than 10 s."""
        start, end = self.touched or (self.first_time, self.last_time)
        return start, max(end, min(start + FELT_NS, self.last_time))

    @cached_property
    def before_fault(self) -> dict[str, Latencies]:
        """For each probe, how long the answers of the run's own steady state took."""
        return self._latencies(self.first_time, self.fault_window[0] - 1)

    @cached_property
    def in_fault(self) -> dict[str, Latencies]:
        """For each probe, how long the answers of the fault window took."""
        return self._latencies(*self.fault_window)

    def _latencies(self, start: int, end: int) -> dict[str, Latencies]:
        return {name: Latencies.of(self.of(spec), start, end) for name, spec in self.specs.items()}

    @cached_property
    def faults(self) -> int:
        """How many times the drill touched the cluster: its faults, or the hosts of its tasks.

        What was made together, as the loss of two nodes, is felt once.
        """
        spans = [s for s in self.record.spans if s.lane == "fault"]
        tasks = [s for s in self.record.spans if s.lane == "ansible"]
        made = _moments(s.start for s in spans)
        undone = _moments(self.last_time if s.end is None else s.end for s in spans)
        turns = min(len({s.subject for s in tasks}), _moments(s.start for s in tasks))
        return max(1, made, undone, turns)

    def first_number(self, name: str) -> int:
        """The number of the first request of a probe that is judged.

        It counts from 0; those before the steady state are not judged.
        """
        judged = self.samples[name]
        lowest = judged.seq[0] if judged.is_whole else min(judged.seq)
        numbers = self._by_probe[name].seq
        earlier = numbers[: len(numbers) - len(judged)]
        # an earlier run's prober may have counted further
        return max((number + 1 for number in earlier if number < lowest), default=0)

    @cached_property
    def failed_before(self) -> dict[str, int]:
        """Failed requests of each probe of the cluster before the steady state."""
        begin = self.record.header.started_mono
        every = {
            name: columns.since(begin)
            for name, columns in Samples.of(self.record.samples).by_probe.items()
        }
        names = [spec.name for spec in self.cluster_probes if spec.name in every]
        judged = {name: self._since_begin.get(name, Columns(name)).failed for name in names}
        counts = {name: every[name].failed - judged[name] for name in names}
        return {name: count for name, count in counts.items() if count}

    def has_succeeded(self, spec: ProbeSpec) -> bool:
        """Whether any request of a probe was answered well.

        One that never was may itself be what is broken.
        """
        return 0 in self.of(spec).outcomes

    def uncertainty(self, spec: ProbeSpec) -> int | None:
        """Uncertainty of the probe's clock in ns.

        0 on the harness host, None when the record does not say.
        """
        if spec.vantage is not Vantage.INSIDE:
            return 0
        clocks = {inside_clock(""), inside_clock(spec.place)}
        known = [c.uncertainty for c in self.record.clocks if c.vantage in clocks]
        return max(known, default=None)

    def lateness(self, spec: ProbeSpec, run: Run) -> int:
        """How late the latest tick was fired around an outage (ns)."""
        columns = self.of(spec)
        return max(
            (columns.fired[i] - columns.due[i] for i in columns.between(run.lower, run.upper)),
            default=0,
        )

    def gap_ns(self, spec: ProbeSpec) -> int:
        """The longest time between two ticks of a probe that is not a gap.

        No longer outage than allowed fits in.
        """
        limit = self.limit_of(spec)
        allowed = GAP_AT_LEAST_S if limit is None else min(GAP_AT_LEAST_S, limit.allowed_s)
        return int(max(GAP_INTERVALS * spec.interval_s, allowed) * NS)

    def limit_of(self, spec: ProbeSpec) -> OutageLimit | None:
        """The limit that a probe is judged by: the first whose glob matches its name."""
        return next((b for b in self.record.limits if fnmatchcase(spec.name, b.probes)), None)


def _moments(times: Iterable[int]) -> int:
    """How many of some times are apart, so that each can be felt for itself."""
    count, last = 0, 0
    for time in sorted(times):
        if not count or time > last + FELT_NS:
            count, last = count + 1, time
    return count
