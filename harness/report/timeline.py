"""The data of the timeline: small enough for a page, yet with every failed request in it.

Times are milliseconds from the begin of the record.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from harness.model import NS, Event, ProbeSpec, Record, Sample, Span
from harness.report.run import began, ended

MS = NS // 1000
BUCKETS = 3000  # for each probe; more than a wide screen has pixels, so that zooming in by some steps still gains
LANES = ("fault", "step", "ansible", "node", "etcd-leader", "vip")
TITLES = {
    "fault": "Fault windows",
    "step": "Steps",
    "ansible": "Ansible tasks",
    "node": "Nodes",
    "etcd-leader": "etcd leader",
    "vip": "Virtual address",
    "event": "Events",
}


def timeline(record: Record) -> dict[str, Any]:
    """Everything that the page draws for one drill."""
    start, end = began(record), ended(record)
    by_probe: dict[str, list[Sample]] = defaultdict(list)
    for sample in record.samples:
        by_probe[sample.probe].append(sample)
    return {
        "end": _ms(end - start),
        "nodes": list(record.header.nodes),
        "probes": [_probe(spec, by_probe.get(spec.name, []), start, end) for spec in record.header.probes],
        "lanes": _lanes(record, start, end),
        "events": [_event(event, start) for event in record.events],
        "events_title": TITLES["event"],
    }


def _probe(spec: ProbeSpec, samples: list[Sample], start: int, end: int) -> dict[str, Any]:
    """Samples in buckets of the width of a tick, or wider when there are too many.

    A bucket is [number, ok, failed, slowest ok in ms]; failures are [from, to, count, outcome], where failures of one
    outcome in one bucket are one entry: none is ever left out.
    """
    width = max(int(spec.interval_s * NS), (end - start) // BUCKETS, 1)
    buckets: dict[int, list[float]] = {}
    failures: dict[tuple[int, str], list[Any]] = {}
    for sample in samples:
        number = (sample.fired - start) // width
        bucket = buckets.setdefault(number, [number, 0, 0, 0])
        if sample.ok:
            bucket[1] += 1
            bucket[3] = max(bucket[3], round((sample.done - sample.fired) / MS, 1))
            continue
        bucket[2] += 1
        at = _ms(sample.fired - start)
        entry = failures.setdefault((number, sample.outcome), [at, at, 0, sample.outcome])
        entry[1] = max(entry[1], at)
        entry[2] += 1
    return {
        "name": spec.name,
        "what": f"{spec.kind} from {spec.vantage.value}, {spec.connection.value} connection: {spec.target}",
        "control": spec.vantage.value == "control",
        "width": width / MS,
        "samples": len(samples),
        "failed": sum(1 for s in samples if not s.ok),
        "buckets": sorted(buckets.values()),
        "failures": sorted(failures.values()),
    }


def _lanes(record: Record, start: int, end: int) -> list[dict[str, Any]]:
    known = {lane: [s for s in record.spans if s.lane == lane] for lane in LANES}
    others = sorted({s.lane for s in record.spans} - set(LANES))
    known |= {lane: [s for s in record.spans if s.lane == lane] for lane in others}
    return [_lane(name, spans, record, start, end) for name, spans in known.items() if spans]


def _lane(name: str, spans: list[Span], record: Record, start: int, end: int) -> dict[str, Any]:
    """One lane with a row for each subject; who leads or holds something is one row for all."""
    single = name in {"etcd-leader", "vip"}
    rows: dict[str, list[list[Any]]] = {}
    if name in {"node", "ansible"}:
        rows = {node: [] for node in record.header.nodes if any(s.subject == node for s in spans)}
    for span in sorted(spans, key=lambda s: (s.start, -(s.end or end))):
        last = end if span.end is None else span.end
        label = span.subject if single else span.name
        detail = span.name if single else ", ".join(f"{k}: {v}" for k, v in span.data.items())
        entry = [_ms(span.start - start), _ms(last - start), label, detail, span.subject, span.end is None]
        rows.setdefault("" if single or name in {"fault", "step"} else span.subject, []).append(entry)
    return {
        "lane": name,
        "title": TITLES.get(name, name),
        "rows": [{"name": row, "spans": entries} for row, entries in rows.items()],
    }


def _event(event: Event, start: int) -> list[Any]:
    detail = ", ".join(f"{key}: {value}" for key, value in event.data.items())
    return [_ms(event.at - start), event.lane, event.subject, event.name, detail]


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / MS, 1)
