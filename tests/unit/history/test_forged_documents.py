"""A FAIL is not edited into a PASS but by whoever edits all of it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.contradictions import find_contradictions, lower_verdicts
from kubedrill.base.document import RunDocument
from kubedrill.base.results import VerdictKind
from kubedrill.record import read_record
from kubedrill.report.document import make_document
from kubedrill.report.run import Run
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = Path(__file__).parents[2] / "records"


def pass_run(run: Any) -> None:
    run.update(verdict="PASS", exit_code=0)


def pass_drill(run: Any) -> None:
    run["drills"][0].update(verdict="PASS", findings=[])


def pass_limits(run: Any) -> None:
    for limit in run["drills"][0]["predicted"]:
        limit["verdict"] = "PASS"


def shorten_measured(run: Any) -> None:
    for limit in run["drills"][0]["predicted"]:
        limit["measured"].update(shortest_s=0.0, longest_s=0.1)


def remove_outages(run: Any) -> None:
    run["drills"][0]["outages"] = []


def zero_limits(run: Any) -> None:
    for limit in run["drills"][0]["predicted"]:
        limit["measured"]["failed"] = 0


def zero_probes(run: Any) -> None:
    for probe in run["drills"][0]["probes"]:
        probe.update(failed=0, outages=0, availability=1.0)


def zero_drill(run: Any) -> None:
    run["drills"][0]["failed"] = 0


EDITS: tuple[Callable[[Any], None], ...] = (
    *(pass_run, pass_drill, pass_limits, shorten_measured),
    *(remove_outages, zero_limits, zero_probes, zero_drill),
)


@pytest.fixture(scope="module")
def bad() -> RunDocument:
    """An outage of five seconds, of which two were allowed."""
    record = read_record(RECORDS / "bad.jsonl")
    return make_document(Run("a-run", (record,), (judge(record),), {}))


@pytest.mark.parametrize("count", range(len(EDITS)))
def test_some_of_the_edits_make_no_pass(bad: RunDocument, count: int) -> None:
    for edits in combinations(EDITS, count):
        run = bad.model_dump(mode="json")
        for edit in edits:
            edit(run)
        document = RunDocument.model_validate(run)
        names = [edit.__name__ for edit in edits]
        assert lower_verdicts(document).verdict is not VerdictKind.PASS, names
        assert find_contradictions(document) or document.verdict is VerdictKind.FAIL, names


def test_all_of_them_do(bad: RunDocument) -> None:
    """Only a signature would tell, as the page about wrong judgements says."""
    run = bad.model_dump(mode="json")
    for edit in EDITS:
        edit(run)
    assert find_contradictions(RunDocument.model_validate(run)) == ()


def test_an_outage_beyond_its_baseline_is_no_pass(bad: RunDocument) -> None:
    """The outage is 0.1 s then, of 2 s that were promised."""
    run = bad.model_dump(mode="json")
    for edit in (*EDITS, tighten_to_baseline):
        edit(run)
    (mistake, *_) = find_contradictions(RunDocument.model_validate(run))
    assert mistake.endswith("found PASS, expected an outage within 0.05 s: 0.1 s")


def tighten_to_baseline(run: Any) -> None:
    for limit in run["drills"][0]["predicted"]:
        limit.update(baseline_s=0.05, source="baseline")
