"""A record, arranged for judging: samples by probe, what cannot be relied on, what ran when."""

from __future__ import annotations

import itertools
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from harness.model import NS, ProbeSpec, Record, Sample, Vantage
from harness.verdict.attribution import Steps
from harness.verdict.outages import Run, find_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP_INTERVALS = 5  # DESIGN: missing data is never a pass. A gap is five ticks without one fired ...
GAP_AT_LEAST_S = 1.0  # ... or a second, whichever is longer

Interval = tuple[int, int]


class View:
    """Everything that the rules ask of a record, computed once."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.specs = {spec.name: spec for spec in record.header.probes}
        self.samples: dict[str, Sequence[Sample]] = _by_probe(record.samples)
        self.last_time = _last_time(record)
        self.steps = Steps(record.spans, self.last_time)

    @property
    def cluster_probes(self) -> list[ProbeSpec]:
        """The probes that budgets are about."""
        return [spec for spec in self.specs.values() if spec.vantage is not Vantage.CONTROL]

    @property
    def control_probes(self) -> list[ProbeSpec]:
        """The probes whose failures are not the cluster's."""
        return [spec for spec in self.specs.values() if spec.vantage is Vantage.CONTROL]

    @cached_property
    def runs(self) -> dict[str, list[Run]]:
        """Outages of each probe in the header."""
        return {name: find_runs(self.samples.get(name, ())) for name in self.specs}

    @cached_property
    def gaps(self) -> dict[str, list[Interval]]:
        """For each probe, the times during which no tick was fired for too long."""
        return {name: _gaps(self.samples.get(name, ()), gap_ns(spec)) for name, spec in self.specs.items()}

    @cached_property
    def control_blind(self) -> list[Interval]:
        """When a control probe failed, or said nothing."""
        intervals = []
        for spec in self.control_probes:
            intervals += [(run.lower, run.upper) for run in self.runs[spec.name]] + self.gaps[spec.name]
        return intervals

    @cached_property
    def touched(self) -> Interval | None:
        """From when to when the drill changed the cluster: fault windows, else Ansible tasks, else steps."""
        for lane in ("fault", "ansible", "step"):
            spans = [s for s in self.record.spans if s.lane == lane]
            if spans:
                return min(s.start for s in spans), max(self.last_time if s.end is None else s.end for s in spans)
        return None

    def uncertainty(self, spec: ProbeSpec) -> int | None:
        """Uncertainty of the probe's clock in ns; 0 on the harness host, None when the record does not say."""
        if spec.vantage is not Vantage.INSIDE:
            return 0
        known = [c.uncertainty for c in self.record.clocks if c.vantage.startswith(spec.vantage.value)]
        return max(known, default=None)

    def lateness(self, spec: ProbeSpec, run: Run) -> int:
        """How late the latest tick was fired around an outage (ns)."""
        return max((s.fired - s.due for s in self.samples[spec.name] if run.lower <= s.fired <= run.upper), default=0)


def gap_ns(spec: ProbeSpec) -> int:
    """The longest time between two ticks of a probe that is not a gap."""
    return int(max(GAP_INTERVALS * spec.interval_s, GAP_AT_LEAST_S) * NS)


def is_late(sample: Sample, spec: ProbeSpec) -> bool:
    """Whether a tick was fired more than half an interval after its time."""
    return sample.fired - sample.due > spec.interval_s * NS / 2


def _by_probe(samples: Sequence[Sample]) -> dict[str, Sequence[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[sample.probe].append(sample)
    for own in found.values():
        own.sort(key=lambda s: (s.fired, s.seq))
    return dict(found)


def _gaps(samples: Sequence[Sample], longest: int) -> list[Interval]:
    return [
        (before.fired, after.fired)
        for before, after in itertools.pairwise(samples)
        if after.fired - before.fired > longest
    ]


def _last_time(record: Record) -> int:
    times = [record.header.started_mono, record.ended_at or 0]
    times += [max(s.start, s.end or 0) for s in record.spans] + [e.at for e in record.events]
    return max(*times, max((s.done for s in record.samples), default=0))
