"""A fault that nobody felt is noted where it must be felt."""

from __future__ import annotations

import pytest
from recordkit import APP, CONTROL, WRITE, Kit

from kubedrill.base.model import OutageLimit
from kubedrill.base.results import VerdictKind
from kubedrill.history.predictions import calibrate
from kubedrill.report.document import make_document
from kubedrill.report.run import Run
from kubedrill.verdict import judge


def predicted(least_s: float, predicted_s: float = 6.0, limit_s: float = 20.0) -> Kit:
    """A healthy run with a fault of 10 s that must be felt."""
    kit = Kit(WRITE, APP, CONTROL)
    kit.limits = [
        OutageLimit("api-*", limit_s, predicted_s, least_s=least_s),
        OutageLimit("app-*", limit_s, 0.0),
    ]
    return kit


def notes(kit: Kit) -> tuple[str, ...]:
    return judge(kit.record()).notes


def test_what_must_be_felt_and_was_not_is_noted_and_decides_nothing() -> None:
    verdict = judge(predicted(3.0).record())
    assert verdict.verdict is VerdictKind.PASS
    [note] = verdict.notes
    assert note.startswith("API writes: 0.0")
    assert "predicted 3.0 s or more" in note


@pytest.mark.parametrize("felt_s", [1.6, 3.0, 5.0])
def test_what_was_felt_for_half_as_long_is_not_noted(felt_s: float) -> None:
    assert notes(predicted(3.0).fail(WRITE.name, 6, 6 + felt_s)) == ()


def test_slow_answers_and_single_failures_are_felt_too() -> None:
    assert notes(predicted(1.5).slow(WRITE.name, 6, 6.2, 0.9)) == ()
    assert notes(predicted(8.0).fail(WRITE.name, 6, 14, every=20)) == ()


def test_what_need_not_be_felt_is_not_noted() -> None:
    assert notes(predicted(0.0)) == ()


def test_failures_outside_of_the_fault_are_not_its_effect() -> None:
    assert len(notes(predicted(3.0).fail(WRITE.name, 17, 19.5))) == 1


def test_a_fault_that_is_healed_earlier_is_not_felt_longer() -> None:
    kit = predicted(40.0).fail(WRITE.name, 6, 12)
    assert notes(kit) == ()


def test_what_is_written_is_capped_as_what_is_noted() -> None:
    """The history judges predictions by what the run document has."""
    for felt_s in (4.0, 6.0):
        record = predicted(40.0).fail(WRITE.name, 6, 6 + felt_s).record()
        verdict = judge(record)
        run = Run("night", (record,), (verdict,), {})
        [api, app] = calibrate([make_document(run).condensed()])
        assert (app.probes, app.far_less) == ("app-*", 0)
        assert api.far_less == len(verdict.notes) == (felt_s < 5)
        # as it was predicted, it stays in the record's own limit
        assert verdict.limits[0].least_s == 40.0
        assert verdict.results[0].limit.least_s == 10.0


def test_a_drill_that_did_not_complete_says_nothing_of_predictions() -> None:
    kit = predicted(3.0)
    kit.ended = "error"
    assert notes(kit) == ()


def test_what_was_felt_is_part_of_the_result() -> None:
    kit = predicted(3.0).fail(WRITE.name, 6, 8)
    results = judge(kit.record()).results
    assert results[0].felt_s == pytest.approx(2.0, abs=0.15)
    assert results[0].available_fault == pytest.approx(0.8, abs=0.02)
    assert results[1].available_fault == 1.0
    assert results[1].p99_fault_ms is not None
