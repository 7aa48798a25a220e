"""A load test's files: JSON that tells all, a page that is made from it alone, and text that
does nothing.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from load_results import saturated

from kubedrill.config import Settings
from kubedrill.load.result import result, write_result
from kubedrill.load.run import LoadRequest, LoadTest
from kubedrill.orders.ledger import Ledger
from kubedrill.report.load_charts import latency_chart, replica_chart, throughput_chart
from kubedrill.report.load_page import load_page_html

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '"><img src=x onerror=alert(1)></script>'


@pytest.fixture(scope="module")
def test_(tmp_path_factory: pytest.TempPathFactory) -> LoadTest:
    return saturated(tmp_path_factory.mktemp("load"))


def test_the_result_tells_the_knee_the_verdict_and_the_reaction(test_: LoadTest) -> None:
    actual = result(test_, "kubedrill")
    assert (actual["verdict"], actual["exit_code"]) == ("PASS", 0)
    assert (actual["knee"]["rate"], actual["knee"]["below"]) == (150, 225)
    assert actual["steps"][-1]["throughput"] == pytest.approx(180, rel=0.05)
    (scaler,) = actual["autoscalers"]
    assert scaler["scale_ups"][0]["rates"] == (100,), "the step before began 75 s earlier"
    assert scaler["scale_ups"][0]["pods"][0]["answered_s"] is not None
    assert scaler["scale_down"]["gone_s"][0] == pytest.approx(89, abs=1.5)
    assert len(scaler["replicas"]) < 10, "changes only"
    total = sum(step["due"] for step in actual["steps"])
    assert sum(due for _, due, _ in actual["seconds"]) == total


def test_the_page_is_made_from_the_file_alone(test_: LoadTest) -> None:
    actual = result(test_, "kubedrill")
    write_result(test_.folder, test_, actual)
    saved = json.loads((test_.folder / "load.json").read_text())
    assert load_page_html(saved) == load_page_html(actual)
    lines = (test_.folder / "load.hlog").read_text().splitlines()
    assert sum(line[0].isdigit() for line in lines) > 200, "a histogram a second"


def test_an_objective_that_is_not_met_fails_and_says_why(tmp_path: Path) -> None:
    actual = result(saturated(tmp_path, within_ms=20, scaler=False), "kubedrill")
    assert (actual["verdict"], actual["exit_code"]) == ("FAIL", 1)
    assert "in time" in actual["reason"]
    assert actual["knee"]["rate"] is None
    assert "No autoscaler was watched" in load_page_html(actual)


def test_a_lost_order_fails_whatever_the_times(tmp_path: Path) -> None:
    test = saturated(tmp_path)
    test.ledgers[1].read_back = dict(list((test.ledgers[1].read_back or {}).items())[1:])
    actual = result(test, "kubedrill")
    assert actual["verdict"] == "FAIL"
    assert "every acknowledged order is there (50/s): 1 of 2000 lost" in actual["reason"]


@pytest.mark.parametrize(("interrupted", "verdict"), [(True, "ABORTED"), (False, "INCONCLUSIVE")])
def test_a_test_that_did_not_end_has_a_page_too(
    tmp_path: Path, interrupted: bool, verdict: str
) -> None:
    test = saturated(tmp_path)
    test.stopped, test.interrupted = HOSTILE, interrupted
    for ledger in test.ledgers:
        ledger.read_back = None
    actual = result(test, HOSTILE)
    assert actual["verdict"] == verdict
    page = load_page_html(actual)
    assert HOSTILE not in page
    assert "&lt;img" in page


def test_a_test_without_a_step_has_files_too(tmp_path: Path) -> None:
    expected = saturated(tmp_path, scaler=False).request
    test = LoadTest(
        "l0",
        LoadRequest(expected.url, (25.0,), 1, expected.objective),
        Settings(),
        tmp_path,
        stopped="no answer",
    )
    actual = result(test, "kubedrill")
    write_result(tmp_path, test, actual)
    assert (actual["verdict"], actual["knee"]) == ("INCONCLUSIVE", None)
    assert "no step reached its rate" in load_page_html(actual)


def test_plots_are_pictures_also_where_nothing_was_acknowledged(tmp_path: Path) -> None:
    test = saturated(tmp_path)
    test.steps, test.ledgers = test.steps[-1:], [Ledger()]
    for actual in (result(test, "kubedrill"), _nothing(result(test, "kubedrill"))):
        for chart in (
            throughput_chart(actual),
            latency_chart(actual),
            replica_chart(actual, actual["autoscalers"][0]),
        ):
            assert ET.fromstring(chart).tag == "svg"  # noqa: S314 - made above


def _nothing(actual: dict[str, object]) -> dict[str, object]:
    steps = [
        {**step, "throughput": 0.0, "times_ms": dict.fromkeys(step["times_ms"])}
        for step in actual["steps"]
    ]  # type: ignore[attr-defined]
    return {**actual, "steps": steps, "seconds": []}
