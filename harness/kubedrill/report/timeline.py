"""The data of the timeline: small enough for a page, yet with every failed request in it.

Times are milliseconds from the begin of the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kubedrill.base.model import DOWN, NS, ProbeSpec, Record, Span
from kubedrill.record.columns import Columns
from kubedrill.record.samples import Samples
from kubedrill.report.run import began, ended, wall_clock
from kubedrill.report.words import name_probes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubedrill.record.columns import Numbers

MS = NS // 1000
# for each probe; more than a wide screen has pixels, so that zooming in by some steps still gains
# ...
BUCKETS = 3000
# ... and for all probes of a drill together, so that the page of 500 probes opens as fast
ALL_BUCKETS = 60_000
FEWEST_BUCKETS = 300
MORE_FAILURES = 2  # so many times as many stretches of failures as buckets may be told
LANES = ("fault", "step", "ansible", DOWN, "node", "release", "etcd-leader", "vip")
TITLES = {
    "fault": "Fault windows",
    "step": "Steps",
    "ansible": "Ansible tasks",
    DOWN: "Nodes that are down by plan",
    "node": "Nodes",
    "release": "Kubernetes releases",
    "etcd-leader": "etcd leader",
    "vip": "Virtual address",
    "event": "Events",
}


def timeline(record: Record, links: Mapping[Span, str] | None = None) -> dict[str, Any]:
    """Everything that the page draws for one drill.

    ``links`` are the addresses of spans that have one.
    """
    start, end = began(record), ended(record)
    by_probe = Samples.of(record.samples).by_probe
    probes = record.header.probes
    words = name_probes(probes)
    most = max(FEWEST_BUCKETS, min(BUCKETS, ALL_BUCKETS // max(1, len(probes))))
    return {
        "end": _ms(end - start),
        "wall": wall.timestamp() * 1000 if (wall := wall_clock(record)) else None,
        "nodes": list(record.header.nodes),
        "probes": [
            {"words": words[s.name]}
            | _probe(s, by_probe.get(s.name) or Columns(s.name), start, end, most)
            for s in probes
        ],
        "lanes": _lanes(record, start, end, links or {}),
        "events": [
            [_ms(event.at - start), event.lane, event.subject, event.name, _pairs(event.data)]
            for event in record.events
        ],
        "events_title": TITLES["event"],
    }


def _probe(spec: ProbeSpec, samples: Columns, start: int, end: int, most: int) -> dict[str, Any]:
    """Samples in buckets of the width of a tick, or wider when there are too many.

    A bucket is [number, ok, failed, slowest ok in ms]; a failure is [from, to, count, outcome], see
    :func:`_failures`.
    """
    width = max(int(spec.interval_s * NS), (end - start) // most, 1)
    return {
        "name": spec.name,
        "what": (
            f"{spec.kind} from {spec.vantage.value}, {spec.connection.value} connection: "
            f"{spec.target}"
        ),
        "control": spec.vantage.value == "control",
        "width": width / MS,
        "samples": len(samples),
        "failed": samples.failed,
        "buckets": list(_buckets(samples, start, width)) if samples else [],
        "failures": _failures(samples, start, spec, most) if samples.failed else [],
    }


def _buckets(samples: Columns, start: int, width: int) -> Iterator[list[float]]:
    numbers = (samples.times - start) // width
    first = _firsts(numbers)
    oks = np.add.reduceat(samples.oks.astype(np.int64), first)
    slowest = np.maximum.reduceat(np.where(samples.oks, samples.took, 0), first)
    counts = np.diff([*first, len(samples)])
    for number, ok, count, took in zip(
        numbers[first].tolist(), oks.tolist(), counts.tolist(), slowest, strict=True
    ):
        yield [number, ok, count - ok, _ms(int(took))]


def _failures(samples: Columns, start: int, spec: ProbeSpec, most: int) -> list[list[Any]]:
    """Failures as [from, to, count, outcome].

    Failures of one outcome in one stretch are one entry: none is ever left out. A stretch is one
    tick long, or as many as it takes not to have too many entries.
    """
    places = np.flatnonzero(~samples.oks)
    at, outcomes = samples.times[places] - start, samples.outcome_codes[places]
    width = max(int(spec.interval_s * NS), 1)
    while True:
        order = np.lexsort((at, outcomes, at // width))
        first = _firsts(at[order] // width, outcomes[order])
        if len(first) <= most * MORE_FAILURES:
            break
        width *= 2
    last = np.append(first[1:], len(order)) - 1
    return sorted(
        [
            _ms(int(at[order[a]])),
            _ms(int(at[order[b]])),
            int(b - a + 1),
            samples.outcome(int(outcomes[order[a]])),
        ]
        for a, b in zip(first, last, strict=True)
    )


def _firsts(*columns: Numbers) -> Numbers:
    """Where a row differs from the one before it, in any column."""
    changes = np.zeros(len(columns[0]) - 1, np.bool_)
    for column in columns:
        changes |= column[1:] != column[:-1]
    return np.concatenate(([0], np.flatnonzero(changes) + 1))


def _lanes(record: Record, start: int, end: int, links: Mapping[Span, str]) -> list[dict[str, Any]]:
    known = {lane: [s for s in record.spans if s.lane == lane] for lane in LANES}
    if len({s.subject for s in known["release"]}) == len(known["release"]):
        known["release"] = []  # nobody was upgraded
    others = sorted({s.lane for s in record.spans} - set(LANES))
    known |= {lane: [s for s in record.spans if s.lane == lane] for lane in others}
    return [_lane(name, spans, record, start, end, links) for name, spans in known.items() if spans]


def _lane(  # noqa: PLR0913, PLR0917 - called in one place
    name: str, spans: list[Span], record: Record, start: int, end: int, links: Mapping[Span, str]
) -> dict[str, Any]:
    """One lane with a row for each subject; who leads or holds something is one row for all."""
    single = name in {"etcd-leader", "vip"}
    rows: dict[str, list[list[Any]]] = {}
    if name in {"node", "release", "ansible"}:
        rows = {node: [] for node in record.header.nodes if any(s.subject == node for s in spans)}
    for span in sorted(spans, key=lambda s: (s.start, -(s.end or end))):
        last = end if span.end is None else span.end
        label = span.subject if single else span.name
        detail = span.name if single else _pairs(span.data)
        entry = [
            _ms(span.start - start),
            _ms(last - start),
            label,
            detail,
            span.subject,
            span.end is None,
        ]
        entry += [links[span]] if span in links else []
        rows.setdefault("" if single or name in {"fault", "step"} else span.subject, []).append(
            entry
        )
    return {
        "lane": name,
        "title": TITLES.get(name, name),
        "rows": [{"name": row, "spans": entries} for row, entries in rows.items()],
    }


def _pairs(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in data.items())


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / MS, 1)
