"""A day's samples in a second: records of millions of requests, made by column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from recordkit import APP, CONTROL, WRITE, Kit, at

from kubedrill.base.model import NS, ProbeSpec, Record, Span
from kubedrill.record import RecordWriter
from kubedrill.record.columns import Columns
from kubedrill.record.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SERVERS = [f"hello-7d9c5b8f6-{pod}" for pod in ("x2x4z", "9qk7m", "hb5tw")]


def long_record(
    ticks: int, probes: int = 12, failed: Mapping[str, list[int]] | None = None
) -> Record:
    """A healthy run of so many ticks of each probe at 10 Hz, of which the ticks with the
    numbers given fail.
    """
    specs = (*(replace(APP, name=f"app-{number}") for number in range(probes - 2)), WRITE, CONTROL)
    kit = Kit(*specs, lasts_s=0)
    rng = np.random.default_rng(1)
    by_probe = {
        spec.name: _columns(spec, ticks, (failed or {}).get(spec.name, []), rng) for spec in specs
    }
    kit.spans = [Span("fault", "cp1", "power cut", at(5), at(15))]
    kit.ended_s = ticks / 10
    return replace(kit.record(), samples=Samples(by_probe))


def _columns(spec: ProbeSpec, ticks: int, failed: list[int], rng: np.random.Generator) -> Columns:
    seq = np.arange(ticks)
    due = at(0) + seq * round(spec.interval_s * NS)
    fired = due + rng.integers(100_000, 900_000, ticks)
    done = fired + (rng.lognormal(1.2, 0.5, ticks) * 1e6).astype(np.int64)
    outcomes = np.zeros(ticks, np.intp)
    outcomes[failed] = 1
    columns = Columns(spec.name)
    columns.extend_coded(
        [seq, due, fired, done], (outcomes, ["ok", "refused"]), (seq % len(SERVERS), SERVERS)
    )
    return columns


def write_long(record: Record, path: Path) -> Path:
    """Write it as the runner and the sampler do, an event a minute among the samples, but fast."""
    with RecordWriter(path) as writer:
        writer.header(record.header)
        for limit in record.limits:
            writer.limit(limit)
        for span in record.spans:
            writer.span(span)
        for check in record.checks:
            writer.check(check)
    assert isinstance(record.samples, Samples)
    with path.open("a", encoding="utf-8") as file:
        for lines in _lines(record.samples):
            file.writelines(lines)
    with RecordWriter(path) as writer:
        writer.end(record.ended_at or 0, record.ended, record.reason)
    return path


def _lines(samples: Samples) -> Iterator[list[str]]:
    """Lines of all probes, in turns of a minute."""
    for start in range(0, max(map(len, samples.by_probe.values())), 600):
        lines = [f'["event","log","cp1","minute {start // 600}",{at(start / 10)},{{}}]\n']
        for probe, mine in samples.by_probe.items():
            portion = slice(start, start + 600)
            columns = (
                mine.seq[portion],
                mine.due[portion],
                mine.fired[portion],
                mine.done[portion],
            )
            notes = [mine.outcome(number) for number in mine.outcomes[portion]]
            lines += [
                f'["sample","{probe}",{seq},{due},{fired},{done},"{out}","{SERVERS[seq % 3]}"]\n'
                for seq, due, fired, done, out in zip(*columns, notes, strict=True)
            ]
        yield lines
