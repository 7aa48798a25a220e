"""Attacks on the verdict that nobody thought of: hypothesis looks for records that fool it.

The same examples each time, so that a run of the tests is no lottery; bounded in number, for they
are part of the quick suite.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from recordkit import APP, CONTROL, DNS, WRITE, Kit, write

from kubedrill.base.contradictions import find_contradictions
from kubedrill.base.errors import UsageError
from kubedrill.base.results import VerdictKind
from kubedrill.record import read_record
from kubedrill.report.document import make_document
from kubedrill.report.run import Run
from kubedrill.verdict import judge

LIMITED = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # looking for the smallest example would take minutes
)
PROBES = (WRITE.name, APP.name, DNS.name)
BEFORE_THE_STOP_S = 1.5
"""The last requests of a probe may be missing: the stop cut them off."""

TIMED = ('["sample"', '["span"')
"""Lines whose order says nothing."""

seconds = st.integers(0, 190).map(lambda tenths: tenths / 10)


@st.composite
def failures(draw: st.DrawFn, *probes: str) -> tuple[Any, ...]:
    """Some requests of a probe that fail: which, from when to when, how, one in how many."""
    start, lasted = draw(seconds), draw(st.integers(1, 80)) / 10
    outcome = draw(st.sampled_from(["refused", "timeout", "http-503"]))
    every = draw(st.sampled_from([1, 1, 2, 3, 7, 11]))
    return draw(st.sampled_from(probes)), start, start + lasted, outcome, every


@st.composite
def kits(draw: st.DrawFn) -> Kit:
    """A run in which some requests fail, some answers are slow and some ticks are late."""
    kit = Kit(WRITE, APP, DNS, CONTROL, limit_s=draw(st.sampled_from([0.5, 2.0, 5.0])))
    for each in draw(st.lists(failures(*PROBES, CONTROL.name), max_size=3)):
        kit.fail(*each)
    for probe in draw(st.lists(st.sampled_from([*PROBES, CONTROL.name]), max_size=2)):
        start = draw(seconds)
        change = draw(st.sampled_from([kit.late, kit.delay]))
        change(probe, start, start + draw(st.integers(1, 50)) / 10, draw(st.floats(0.01, 0.9)))
    return kit


@LIMITED
@given(kits(), failures(*PROBES))
def test_more_failures_never_improve_a_verdict(kit: Kit, more: tuple[Any, ...]) -> None:
    before = judge(kit.record()).verdict
    probe, saved = more[0], kit.ticks[more[0]]
    kit.fail(*more)
    # what failed before, or came late, stays as it is: a timeout in its place could be the host's
    kit.ticks[probe] = [
        new if old.ok and old.done - old.due < 50_000_000 else old
        for old, new in zip(saved, kit.ticks[probe], strict=True)
    ]
    after = judge(kit.record())
    assert after.verdict.rank >= before.rank, (before, after.reason)


@LIMITED
@given(kits(), st.sampled_from([*PROBES, CONTROL.name]), st.data())
def test_removed_samples_never_make_a_pass(kit: Kit, probe: str, data: st.DataObject) -> None:
    before = judge(kit.record()).verdict
    ticks = kit.ticks[probe]
    last = len(ticks) - round(BEFORE_THE_STOP_S / 0.1)
    removable = [s for s in ticks[:last] if not s.ok or s.done - s.due > 50_000_000]
    removed = data.draw(
        st.sets(st.sampled_from(removable or ticks[:last]).map(lambda s: s.seq), min_size=1)
    )
    kit.ticks[probe] = [s for s in ticks if s.seq not in removed]
    after = judge(kit.record())
    assert after.verdict is not VerdictKind.PASS or before is VerdictKind.PASS, after.reason


@settings(LIMITED, max_examples=25)
@given(kits(), st.sampled_from(["completed", "aborted", "error", ""]), st.booleans())
def test_no_verdict_contradicts_what_it_is_made_of(kit: Kit, ended: str, ok: bool) -> None:
    """The history refuses those that do: none of them may be one of ours."""
    record = kit.record()
    record = replace(record, ended=ended, checks=(replace(record.checks[0], ok=ok),))
    run = Run("a-run", (record,), (judge(record),), {})
    assert find_contradictions(make_document(run)) == ()
    interrupted = replace(run, interrupted=True)
    assert find_contradictions(make_document(interrupted)) == ()


@settings(LIMITED, max_examples=10)
@given(kits(), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(kit: Kit, random: Any) -> None:
    with TemporaryDirectory() as folder:
        path = write(kit.record(), Path(folder) / "a.jsonl")
        before = judge(read_record(path))
        lines = path.read_text().splitlines(keepends=True)
        timed = [line for line in lines if line.startswith(TIMED)]
        header, *others = [line for line in lines if not line.startswith(TIMED)]
        random.shuffle(timed)
        path.write_text("".join([header, *timed, *others]))
        assert judge(read_record(path)) == before


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.integers(4_990_000_000_000, 5_030_000_000_000),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["fault", "step", "ansible", "steady", "timeout", "ok", "*", "api-write"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=2),
)


@settings(LIMITED, max_examples=80)
@given(st.data())
def test_whatever_can_be_read_can_be_judged(data: st.DataObject) -> None:
    lines = [list(line) for line in LINES]
    for _ in range(data.draw(st.integers(1, 6))):
        line = data.draw(st.sampled_from([line for line in lines if line[0] != "sample"] + lines))
        target: Any = line
        place: Any = data.draw(st.integers(1, len(line) - 1))
        if isinstance(line[place], dict) and line[place]:
            line[place] = target = dict(line[place])
            place = data.draw(st.sampled_from(sorted(target)))
        target[place] = data.draw(ODD)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        try:
            record = read_record(path)
        except UsageError:
            return
        assert judge(record).reason


def _lines() -> list[list[Any]]:
    kit = Kit(WRITE, CONTROL, lasts_s=8).fail(WRITE.name, 6, 6.5).span("step", "cp1", "cut", 4, 5)
    with TemporaryDirectory() as folder:
        path = write(kit.record(), Path(folder) / "a.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


LINES = _lines()
