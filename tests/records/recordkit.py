"""Builds records as drills make them.

Regular ticks with the answers, faults and steps that a test asks for.

``python tests/records/save.py`` writes the saved ones of this folder again.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from kubedrill.base.model import (
    NS,
    Check,
    CheckId,
    ClockOffset,
    Connection,
    Event,
    Header,
    OutageLimit,
    ProbeSpec,
    Record,
    Sample,
    Span,
    Vantage,
)
from kubedrill.record import RecordWriter

if TYPE_CHECKING:
    from pathlib import Path

T0 = 5_000 * NS
NODES = ("cp1", "cp2", "cp3", "w1", "w2")
WRITE = ProbeSpec(
    "api-write", "api-write", "https://172.31.77.10:8443/api/v1", Vantage.OUTSIDE, Connection.NEW
)
APP = ProbeSpec(
    "app-nodeport-new", "http", "http://172.31.77.21:30080/", Vantage.OUTSIDE, Connection.NEW
)
CONTROL = ProbeSpec("control", "http", "http://127.0.0.1:18080/", Vantage.CONTROL, Connection.NEW)
DNS = ProbeSpec(
    "dns-pod", "dns", "hello.kubedrill.svc.cluster.local", Vantage.INSIDE, Connection.NEW
)
ALL_PROBES = (
    APP,
    replace(APP, name="app-nodeport-reused", connection=Connection.REUSED),
    replace(APP, name="app-service-new", target="http://hello.kubedrill/", vantage=Vantage.INSIDE),
    replace(APP, name="app-service-reused", target="http://hello.kubedrill/",
    vantage=Vantage.INSIDE,
            connection=Connection.REUSED),
    replace(WRITE, name="api-read", kind="api-read"),
    WRITE,
    DNS,
    CONTROL,
)  # fmt: skip


def at(seconds: float) -> int:
    """Nanoseconds on the record's clock, ``seconds`` after it began."""
    return T0 + round(seconds * NS)


class Kit:
    """A record under construction.

    Healthy, with one fault window from 5 to 15 s, until told otherwise.
    """

    def __init__(
        self, *probes: ProbeSpec, lasts_s: float = 20.0, limit_s: float = 2.0, seed: int = 1
    ) -> None:
        self.specs = probes or (WRITE, APP, CONTROL)
        self._rng = random.Random(seed)  # noqa: S311 - latencies of a test
        self.lasts_s = lasts_s
        self.ticks: dict[str, list[Sample]] = {
            spec.name: self._healthy(spec) for spec in self.specs
        }
        self.spans = [Span("fault", "cp1", "power cut", at(5), at(15))]
        self.events: list[Event] = []
        self.clocks = [ClockOffset("inside", 1_234_567, 2_000_000)]
        self.limits = [
            OutageLimit(
                "*", limit_s, 1.5, ("keepalived: 3 adverts of 0.3 s", "haproxy: 2 checks of 0.5 s")
            )
        ]
        self.checks = [
            Check("healthy before", True, "nothing wrong", "nothing wrong", CheckId.HEALTHY_BEFORE),
            Check("healthy after", True, "nothing wrong", "nothing wrong", CheckId.HEALTHY_AFTER),
            Check("no leftovers", True, "nothing", "nothing", CheckId.NO_LEFTOVERS),
        ]
        self.header = Header(
            run="20261121-043000", drill="failover-vip", title=("Power cut to the holder of the "
                                                               "virtual address"),
            cluster="local", seed=7, started="2026-11-21T04:30:00Z", started_mono=T0,
            tool_version="0.1.0",
            kubernetes="v1.35.4", nodes=NODES, targets=("cp1",), probes=tuple(self.specs),
        )  # fmt: skip
        self.ended, self.reason = "completed", ""
        self.ended_s = lasts_s

    def _healthy(self, spec: ProbeSpec) -> list[Sample]:
        ticks = []
        for seq in range(round(self.lasts_s / spec.interval_s)):
            due = at(seq * spec.interval_s)
            fired = due + self._rng.randrange(100_000, 900_000)
            done = fired + int(self._rng.lognormvariate(1.2, 0.5) * 1e6)
            ticks.append(Sample(spec.name, seq, due, fired, done, "ok", self._rng.choice(NODES)))
        return ticks

    def change(self, probe: str, start: float, end: float, **changes: object) -> Kit:
        """Replace fields of the samples that are due from ``start`` to before ``end`` (seconds)."""
        self.ticks[probe] = [
            replace(s, **changes) if at(start) <= s.due < at(end) else s  # type: ignore[arg-type]
            for s in self.ticks[probe]
        ]
        return self

    def fail(
        self, probe: str, start: float, end: float, outcome: str = "refused", every: int = 1
    ) -> Kit:
        """Let requests fail; a "timeout" takes the probe's whole time."""
        timeout = next(s.timeout_s for s in self.specs if s.name == probe)
        self.ticks[probe] = [
            replace(
                s,
                outcome=outcome,
                server="",
                done=s.fired + (round(timeout * NS) if outcome == "timeout" else 10**6),
            )
            if at(start) <= s.due < at(end) and s.seq % every == 0
            else s
            for s in self.ticks[probe]
        ]
        return self

    def late(self, probe: str, start: float, end: float, by_s: float) -> Kit:
        """Fire ticks late."""
        by = round(by_s * NS)
        self.ticks[probe] = [
            replace(s, fired=s.fired + by, done=s.done + by) if at(start) <= s.due < at(end) else s
            for s in self.ticks[probe]
        ]
        return self

    def slow(self, probe: str, start: float, end: float, took_s: float) -> Kit:
        """Let answers take long."""
        self.ticks[probe] = [
            replace(s, done=s.fired + round(took_s * NS)) if at(start) <= s.due < at(end) else s
            for s in self.ticks[probe]
        ]
        return self

    def delay(self, probe: str, start: float, end: float, by_s: float) -> Kit:
        """Let answers take longer, each from what it took."""
        by = round(by_s * NS)
        self.ticks[probe] = [
            replace(s, done=s.done + by) if at(start) <= s.due < at(end) else s
            for s in self.ticks[probe]
        ]
        return self

    def drop(self, probe: str, start: float, end: float) -> Kit:
        """Lose samples."""
        self.ticks[probe] = [s for s in self.ticks[probe] if not at(start) <= s.due < at(end)]
        return self

    def span(self, lane: str, subject: str, name: str, start: float, end: float | None) -> Kit:
        """Add a span."""
        self.spans.append(Span(lane, subject, name, at(start), None if end is None else at(end)))
        return self

    def record(self) -> Record:
        """The record, as read_record gives it."""
        samples = sorted((s for ticks in self.ticks.values() for s in ticks), key=lambda s: s.fired)
        return Record(
            header=self.header,
            samples=tuple(samples),
            spans=tuple(sorted(self.spans, key=lambda s: s.start)),
            events=tuple(self.events),
            clocks=tuple(self.clocks),
            limits=tuple(self.limits),
            checks=tuple(self.checks),
            ended=self.ended,
            ended_at=at(self.ended_s) if self.ended else None,
            reason=self.reason,
        )


def write(record: Record, path: Path) -> Path:
    """Write a record as the runner and the sampler do."""
    with RecordWriter(path) as writer:
        writer.header(record.header)
        for limit in record.limits:
            writer.limit(limit)
        for clock in record.clocks:
            writer.clock(clock)
        for sample in sorted(record.samples, key=lambda s: s.done):
            writer.sample(sample)
        for line in record.watched:
            writer.watched(line)
        for span in record.spans:
            writer.span(span)
        for event in record.events:
            writer.event(event)
        for check in record.checks:
            writer.check(check)
        writer.flush()
        if record.ended:
            writer.end(record.ended_at or 0, record.ended, record.reason)
    return path
