"""What is read of a run's folder, and what is said of a folder that is no run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.base.model import CheckId, Leaves
from kubedrill.history.read import read_document
from kubedrill.record import read_run
from kubedrill.report import write_report
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = Path(__file__).parents[2] / "records"
BEFORE = RECORDS / "before" / "20261121T043000Z-7"


def make_run(directory: Path, change: Callable[[Any], object]) -> Path:
    """A run's folder with a real record, its header changed, and the report made from it."""
    (directory / "record").mkdir(parents=True)
    text = (RECORDS / "good.jsonl").read_text(encoding="utf-8")
    first, rest = text.split("\n", 1)
    kind, header = json.loads(first)
    header["host"] = {
        "cpus": 8,
        "replay": "kubedrill replay x",
        "labels": {"topology": "3+2", "network": "cilium", "host": "lab", "app": "shop"},
    }
    change(header)
    name = header["drill"]
    (directory / "record" / f"{name}.jsonl").write_text(
        json.dumps([kind, header]) + "\n" + rest, encoding="utf-8"
    )
    records = read_run(directory)
    verdicts = [judge(record) for record in records]
    write_report(directory, records, verdicts, not_run={"network-loss": "no netem"})
    return directory


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "reports" / "20261121T020000Z-7", lambda header: header)


@pytest.fixture
def run_of_before(tmp_path: Path) -> Path:
    """A folder as kubedrill 0.1 left it: its verdict.json, and the first line of each record."""
    return Path(shutil.copytree(BEFORE, tmp_path / "reports" / BEFORE.name))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def edit_header(run: Path, change: Callable[[Any], object]) -> Any:
    path = next(run.glob("record/*.jsonl"))
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    kind, header = json.loads(first)
    change(header)
    path.write_text(json.dumps([kind, header]) + "\n" + rest, encoding="utf-8")
    return header


def make_late(drill: Any) -> None:
    """A pod's probe was fired very late, one of the harness host a little."""
    lateness = {"app-nodeport-new": 900.0, "api-write": 33.0}
    for probe in drill["probes"]:
        probe["worst_lateness_ms"] = lateness.get(probe["probe"], 2.0)
    drill["worst_lateness_ms"] = 900.0


def test_a_document_says_what_verdict_and_header_say(run: Path) -> None:
    data = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    [notes] = data["drills"]
    document = read_document(run)
    [drill] = document.drills
    assert (document.run, document.verdict.value, document.seed) == (
        run.name,
        data["verdict"],
        data["seed"],
    )
    assert [(missed.name, missed.reason) for missed in document.not_run] == [
        ("network-loss", "no netem")
    ]
    assert (drill.topology, drill.network, drill.host, drill.app) == (
        "3+2",
        "cilium",
        "lab",
        "shop",
    )
    assert drill.host_facts == {"cpus": 8}
    assert (drill.kubernetes, drill.kubernetes_after, drill.lasted_s) == (
        notes["kubernetes"],
        notes["kubernetes"],
        notes["lasted_s"],
    )
    assert [limit.measured.longest_s for limit in drill.predicted] == [
        each["measured"]["longest_s"] for each in notes["predicted"]
    ]
    assert [limit.predicted_s for limit in drill.predicted] == [
        each["predicted_s"] for each in notes["predicted"]
    ]
    control = next(probe for probe in notes["probes"] if probe["probe"] == "control")
    assert drill.control is not None
    assert (drill.control.p50_ms, drill.control.p99_ms) == (control["p50_ms"], control["p99_ms"])
    assert drill.tick_s == 0.1
    assert drill.failed_checks == ()


def test_a_document_needs_no_record(run: Path) -> None:
    document = read_document(run)
    shutil.rmtree(run / "record")
    assert read_document(run) == document


def test_what_a_pod_fired_late_is_not_the_hosts(run_of_before: Path) -> None:
    edit(run_of_before / "verdict.json", lambda data: [make_late(d) for d in data["drills"]])
    for path in (run_of_before / "record").iterdir():
        kind, header = json.loads(path.read_text(encoding="utf-8"))
        for probe in header["probes"]:
            if probe["name"] == "app-nodeport-new":
                probe["vantage"] = "inside"
        path.write_text(json.dumps([kind, header]) + "\n", encoding="utf-8")
    for drill in read_document(run_of_before).drills:
        assert (drill.worst_lateness_ms, drill.host_lateness_ms) == (900.0, 33.0)


def test_a_verdict_of_before_is_completed_from_its_records(run_of_before: Path) -> None:
    upgrade, failover = read_document(run_of_before).drills
    assert (upgrade.kubernetes, upgrade.kubernetes_after) == ("1.35.4", "1.36.3")
    assert (upgrade.leaves, failover.leaves) == (Leaves.UPGRADED, Leaves.UNCHANGED)
    assert (failover.kubernetes, failover.kubernetes_after) == ("1.35.4", "1.35.4")
    assert [check.id for check in upgrade.checks] == list(CheckId)
    assert (upgrade.topology, upgrade.network, upgrade.host, upgrade.app) == (
        "3+2",
        "cilium",
        "lab",
        "shop",
    )
    assert (failover.topology, failover.host, failover.app) == ("5 nodes", "unknown", "")
    assert upgrade.host_facts == {"cpus": 8}
    assert upgrade.control is not None
    assert [limit.measured.requests for limit in upgrade.predicted] == [None]


def test_a_record_of_before_the_history_has_a_count_of_nodes_for_its_topology(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "reports" / "20261121T020000Z-7", lambda h: h["host"].pop("labels"))
    header = edit_header(run, lambda header: header)
    [drill] = read_document(run).drills
    assert (drill.topology, drill.host) == (f"{len(header['nodes'])} nodes", "unknown")


def test_an_upgrade_is_known_by_both_versions(run_of_before: Path) -> None:
    def refused(data: Any) -> None:
        check = data["drills"][0]["checks"][-1]
        assert check["name"] == "the API server runs the new release"
        check.update(ok=False, found="v1.35.4")
        data["drills"][0]["verdict"] = data["verdict"] = "FAIL"
        data["exit_code"] = 1

    edit(run_of_before / "verdict.json", refused)
    drill = read_document(run_of_before).drills[0]
    assert drill.kubernetes_after == "1.36.3"
    assert drill.failed_checks == ("the API server runs the new release",)


def test_an_upgrade_that_did_not_say_where_to_has_no_version_after(run_of_before: Path) -> None:
    edit(run_of_before / "verdict.json", lambda data: data["drills"][0]["checks"].pop())
    assert read_document(run_of_before).drills[0].kubernetes_after == ""


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "verdict.json").unlink(), "kubedrill report 2026"),
        (lambda run: (run / "verdict.json").write_text("{"), "is not JSON"),
        (lambda run: (run / "verdict.json").write_text("[]"), "found schema None, expected 1"),
        (
            lambda run: edit(run / "verdict.json", lambda data: data.update(schema=2)),
            "found schema 2, expected 1",
        ),
        (
            lambda run: edit(run / "verdict.json", lambda data: data.pop("drills")),
            "docs/reference/verdict.schema.json",
        ),
        (
            lambda run: edit(run / "verdict.json", lambda data: data.pop("cluster")),
            "cluster: is missing",
        ),
        (
            lambda run: edit(run / "verdict.json", lambda data: data["drills"][0].pop("probes")),
            "'probes' is missing",
        ),
        (lambda run: next(run.glob("record/*.jsonl")).unlink(), "cannot be added any more"),
        (
            lambda run: next(run.glob("record/*.jsonl")).write_text("hello\n"),
            "first line is no header",
        ),
        (
            lambda run: next(run.glob("record/*.jsonl")).write_text('["sample", {}]\n'),
            "first line is no header",
        ),
        (
            lambda run: next(run.glob("record/*.jsonl")).write_text("[1]\n"),
            "first line is no header",
        ),
        (
            lambda run: edit(run / "verdict.json", lambda data: data.update(verdict="GOOD")),
            "verdict: expected 'PASS'",
        ),
        (
            lambda run: edit(
                run / "verdict.json", lambda data: data["drills"][0].update(lasted_s=-1)
            ),
            "drills.0.lasted_s: expected 0 or more, found -1",
        ),
    ],
)
def test_what_is_no_run_is_named(
    run_of_before: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(run_of_before)
    with pytest.raises(UsageError) as caught:
        read_document(run_of_before)
    assert message in str(caught.value)
    assert isinstance(caught.value, KubedrillError)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: data.update(exit_code=3), "exit_code: found 3, expected 0, that of PASS"),
        (
            lambda data: data.update(interrupted=True),
            "verdict: found PASS, expected ABORTED: the run was interrupted",
        ),
        (
            lambda data: data["drills"][0].update(ended="interrupted"),
            "drills.0.verdict: found PASS, expected ABORTED: its end is interrupted",
        ),
        (
            lambda data: data["drills"][0].update(ended=""),
            "drills.0.verdict: found PASS, expected INCONCLUSIVE: its end is missing",
        ),
        (
            lambda data: data["drills"][0]["predicted"][0].update(verdict="FAIL"),
            "drills.0.verdict: found PASS, expected FAIL: the limit of ",
        ),
    ],
)
def test_a_verdict_that_its_own_parts_contradict_is_refused(
    run: Path, spoil: Callable[[Any], object], words: str
) -> None:
    """It must not count as a PASS over nights; tests/mutants/document_mutants.py has more."""
    edit(run / "verdict.json", lambda data: data.update(verdict="PASS", exit_code=0, not_run=[]))
    assert read_document(run).verdict.value == "PASS"
    edit(run / "verdict.json", spoil)
    with pytest.raises(UsageError, match=re.escape(words)):
        read_document(run)


def test_a_verdict_without_a_part_is_refused(run: Path) -> None:
    edit(run / "verdict.json", lambda data: data["drills"][0].pop("probes"))
    with pytest.raises(UsageError, match=r"drills\.0\.probes: is missing"):
        read_document(run)
