"""Attacks on each kind of wrong judgement that hypothesis varies: none of them is a PASS.

The same examples each time, as in test_properties.py.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from recordkit import APP, CONTROL, DNS, WRITE, Kit, at, write
from test_properties import LIMITED, ODD

from kubedrill.base.errors import UsageError
from kubedrill.base.model import EVIDENCE, STEADY, Event, Span
from kubedrill.base.results import VerdictKind
from kubedrill.record import read_record
from kubedrill.report import write_report
from kubedrill.verdict import judge

PASS = VerdictKind.PASS
PROBES = (WRITE.name, APP.name, DNS.name)
SHOWS = "no SSH server greets on the node"


def tenths(least: int, most: int) -> st.SearchStrategy[float]:
    return st.integers(least, most).map(lambda number: number / 10)


def long_kit() -> Kit:
    """A healthy minute with a fault from 15 to 45 s."""
    kit = Kit(WRITE, APP, DNS, CONTROL, lasts_s=60)
    kit.spans = [Span("fault", "cp1", "power cut", at(15), at(45))]
    return kit


@LIMITED
@given(
    st.sampled_from(PROBES),
    st.lists(st.tuples(tenths(1, 19), tenths(1, 40)), min_size=1, max_size=5),
    st.sampled_from(["refused", "timeout", "http-503"]),
)
def test_flapping_at_any_period_is_no_pass(
    probe: str, periods: list[tuple[float, float]], outcome: str
) -> None:
    """Out and back in turn, each time for less than the limit, for 30 s."""
    kit, start, number = long_kit(), 15.0, 0
    while start < 45:
        out, back = periods[number % len(periods)]
        kit.fail(probe, start, min(start + out, 45), outcome)
        start, number = start + out + back, number + 1
    failed = sum(not sample.ok for sample in kit.ticks[probe])
    # a share of 5 %, and what one outage of 2 s as it begins and one as it ends may cost
    assume(failed > 0.05 * 600 + 2 * 22 + 3)
    assert judge(kit.record()).verdict is not PASS


@LIMITED
@given(st.sampled_from(PROBES), st.integers(2, 3), tenths(6, 9), st.integers(0, 50))
def test_slow_answers_among_prompt_ones_are_no_pass(
    probe: str, every: int, by_s: float, first: int
) -> None:
    kit = long_kit()
    for tick in range(100 + first, 400 + first, every):
        kit.delay(probe, tick / 10, tick / 10 + 0.05, by_s)
    assert judge(kit.record()).verdict is not PASS


@LIMITED
@given(st.sampled_from([*PROBES, CONTROL.name]), tenths(10, 100), tenths(0, 550), st.data())
def test_no_part_of_a_record_may_be_missing(
    probe: str, steady: float, start: float, data: st.DataObject
) -> None:
    """Least of all where failures were: right after the steady state, or in the fault."""
    kit = long_kit()
    kit.events.append(Event(STEADY, "probes", "every probe is answered", at(steady)))
    start = max(start, steady)
    end = start + data.draw(tenths(1, 60))
    assume(end < 58)  # the last requests may be missing: the stop cut them off
    assert judge(kit.drop(probe, start, end).record()).verdict is not PASS


def seen_kit() -> Kit:
    """A power cut with all of its evidence."""
    kit = Kit(WRITE, APP, CONTROL)
    kit.header = replace(kit.header, evidence=SHOWS)
    asked = {"evidence": SHOWS, "least_s": 5.0, "lasts": True}
    kit.spans = [
        Span("fault", "cp1", "power cut", at(5), at(15), asked),
        Span("step", "cp1", "power cut: inject", at(5), at(6)),
        Span("step", "cp1", "power cut: heal", at(14), at(15)),
    ]
    for moment, when in ((6.5, "begin"), (13.9, "end")):
        sight = {"fault": "power cut", "expected": ["cp1"], "seen": ["cp1"], "when": when}
        kit.events.append(Event(EVIDENCE, "cp1", SHOWS, at(moment), sight))
    return kit


def test_a_power_cut_with_all_of_its_evidence_passes() -> None:
    assert judge(seen_kit().record()).verdict is PASS


@settings(LIMITED, max_examples=150)
@given(st.data())
def test_evidence_that_lost_or_changed_anything_is_no_pass(data: st.DataObject) -> None:
    kit = seen_kit()
    parts: list[Any] = [kit.spans[0], *kit.events]
    part = data.draw(st.sampled_from(parts))
    key = data.draw(st.sampled_from([key for key in sorted(part.data) if key != "evidence"]))
    changed = dict(part.data)
    if data.draw(st.booleans()):
        changed[key] = data.draw(ODD)
        assume(key not in {"least_s", "lasts"} or type(changed[key]) not in {int, float, bool})
    else:
        del changed[key]
    assume(changed != part.data)
    new = replace(part, data=changed)
    kit.spans = [new if span is part else span for span in kit.spans]
    kit.events = [new if event is part else event for event in kit.events]
    assert judge(kit.record()).verdict is not PASS


@LIMITED
@given(st.data())
def test_a_line_of_the_fault_that_is_missing_is_no_pass(data: st.DataObject) -> None:
    """The fault, its steps, its evidence: what the drill was about. An injection leaves no trace
    that anything else would not have.
    """
    kit = seen_kit()
    needed = [part for part in (*kit.spans, *kit.events) if not part.name.endswith("inject")]
    missing = data.draw(st.sets(st.sampled_from(range(len(needed))), min_size=1))
    left = [part for place, part in enumerate(needed) if place not in missing]
    kit.spans = [part for part in left if isinstance(part, Span)]
    kit.events = [part for part in left if isinstance(part, Event)]
    assert judge(kit.record()).verdict is not PASS


@settings(LIMITED, max_examples=60)
@given(st.data(), st.randoms(use_true_random=False))
def test_a_file_that_is_cut_anywhere_is_no_pass(data: st.DataObject, random: Any) -> None:
    """Whatever the order of its lines: what was cut may be what failed."""
    with TemporaryDirectory() as folder:
        path = write(Kit(WRITE, CONTROL, lasts_s=8).record(), Path(folder) / "a.jsonl")
        header, *lines = path.read_bytes().splitlines(keepends=True)
        random.shuffle(lines)
        whole = b"".join([header, *lines])
        # a cut between two lines shows by the numbers of its samples, but for the last ones
        cut = data.draw(st.integers(len(header), len(whole) - 2))
        assume(whole[cut - 1 : cut] != b"\n")
        path.write_bytes(whole[:cut])
        try:
            verdict = judge(read_record(path)).verdict
        except UsageError:
            return
        assert verdict is not PASS


@settings(LIMITED, max_examples=60)
@given(st.data())
def test_whatever_can_be_read_can_be_reported(data: st.DataObject) -> None:
    """Names, times and numbers of any kind: the report is written, or the record is refused."""
    kit = Kit(WRITE, CONTROL, lasts_s=8).fail(WRITE.name, 6, 6.5).span("step", "cp1", "cut", 4, 5)
    kit.events.append(Event("kubelet", "w1", "started", at(3), {"a": 1}))
    with TemporaryDirectory() as name:
        folder = Path(name) / "run"
        path = write(kit.record(), folder / "record" / "failover-vip.jsonl")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        others = [line for line in lines if line[0] != "sample"]
        for _ in range(data.draw(st.integers(1, 4))):
            line: Any = data.draw(st.sampled_from(others))
            place: Any = data.draw(st.integers(1, len(line) - 1))
            if isinstance(line[place], dict) and line[place]:
                line = line[place]
                place = data.draw(st.sampled_from(sorted(line)))
            line[place] = data.draw(st.one_of(ODD, st.text(max_size=8), st.integers(0, 1 << 63)))
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        try:
            record = read_record(path)
        except UsageError:
            return
        assert write_report(folder, [record], [judge(record)], not_run={}).exists()


@pytest.mark.parametrize("started", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_begin_that_no_calendar_has_is_none(tmp_path: Path, started: str) -> None:
    """The time in a header is for people: whatever it says, the report is written."""
    kit = Kit(WRITE, CONTROL, lasts_s=8)
    kit.header = replace(kit.header, started=started)
    record = kit.record()
    path = write_report(tmp_path / "run", [record], [judge(record)], not_run={})
    assert '"started": ""' in path.with_name("verdict.json").read_text()


def _read(path: Path) -> Any:
    try:
        return read_record(path)
    except UsageError:
        return None


@settings(LIMITED, max_examples=200)
@given(st.data())
def test_lines_that_are_read_by_column_are_read_as_one_by_one(data: st.DataObject) -> None:
    """Whatever one way of reading takes for a sample, the other one does, and for the same."""
    lines = list(SAMPLE_LINES)
    place = data.draw(st.integers(1, len(lines) - 2))
    line = lines[place]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(line) - 1))
        end = data.draw(st.integers(start, min(start + 2, len(line))))
        pieces = [
            b"",
            b"0",
            b"7",
            b"-",
            b"+",
            b".",
            b"e",
            b" ",
            b'"',
            b",",
            b"\\",
            b"]",
            b"[",
            b"x",
        ]
        pieces += [b"null", b"true", b"NaN", b"\t", b"\xff", b"\\u0041", b"\n", b"1_0"]
        line = line[:start] + data.draw(st.sampled_from(pieces)) + line[end:]
    lines[place] = line
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(b"\n".join(lines) + b"\n")
        by_column = _read(path)
        with patch("kubedrill.record.file.parse", return_value=None):
            assert by_column == _read(path)


@LIMITED
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["step", "ansible", "fault"]),
            st.sampled_from(["cp1", "w1", "cluster"]),
            st.sampled_from(["a", "b", "c"]),
            tenths(30, 150),
            tenths(0, 60),
        ),
        max_size=6,
    ),
    tenths(20, 160),
    tenths(1, 30),
    st.sampled_from(["refused", "timeout"]),
)
def test_every_failure_is_laid_to_what_could_be_why(
    spans: list[tuple[str, str, str, float, float]], start: float, lasted: float, outcome: str
) -> None:
    """The steps of an outage have all of its failures, and none that was over before it began."""
    kit = Kit(WRITE, CONTROL, limit_s=20.0).fail(WRITE.name, start, start + lasted, outcome)
    for lane, subject, name, begin, length in spans:
        kit.span(lane, subject, name, begin, begin + length)
    record = kit.record()
    for outage in judge(record).outages:
        assert sum(outage.steps.values()) == outage.failed
        for text in outage.steps:
            if text == "before any step":
                assert any(span.start > outage.first_failed for span in record.spans)
            elif not text.startswith("after "):
                named = [name for name in ("a", "b", "c", "power cut") if f": {name}" in text]
                assert named
                for name in named:
                    assert any(
                        s.name == name
                        and s.start <= outage.last_failed + round(1.1e9)
                        and (s.end or 0) >= outage.first_failed
                        for s in record.spans
                    )


def _sample_lines() -> list[bytes]:
    with TemporaryDirectory() as folder:
        path = write(Kit(WRITE, CONTROL, lasts_s=1).record(), Path(folder) / "a.jsonl")
        return path.read_bytes().splitlines()


SAMPLE_LINES = _sample_lines()
