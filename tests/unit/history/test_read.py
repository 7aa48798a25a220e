"""What is taken from a run's folder, and what a folder that is no run is told as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.history.read import read_entry
from kubedrill.record import read_run
from kubedrill.report import write_report
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = Path(__file__).parents[2] / "records"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a real record and the report that is made from it."""
    directory = tmp_path / "reports" / "20261121T020000Z-7"
    (directory / "record").mkdir(parents=True)
    text = (RECORDS / "good.jsonl").read_text(encoding="utf-8")
    first, rest = text.split("\n", 1)
    kind, header = json.loads(first)
    header["host"] = {
        "cpus": 8,
        "replay": "kubedrill replay x",
        "labels": {"topology": "3+2", "network": "cilium", "host": "lab", "app": "shop"},
    }
    name = header["drill"]
    (directory / "record" / f"{name}.jsonl").write_text(
        json.dumps([kind, header]) + "\n" + rest, encoding="utf-8"
    )
    records = read_run(directory)
    write_report(
        directory,
        records,
        [judge(record) for record in records],
        not_run={"network-loss": "no netem"},
    )
    return directory


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def edit_header(run: Path, change: Callable[[Any], object]) -> Any:
    [path] = run.glob("record/*.jsonl")
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
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


def test_an_entry_says_what_verdict_and_header_say(run: Path) -> None:
    edit(run / "verdict.json", lambda data: make_late(data["drills"][0]))
    edit_header(
        run,
        lambda header: [
            probe.update(vantage="inside")
            for probe in header["probes"]
            if probe["name"] == "app-nodeport-new"
        ],
    )
    told = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    [drill] = told["drills"]
    entry = read_entry(run)
    [kept] = entry.drills
    assert (entry.run, entry.verdict.value, entry.seed) == (run.name, told["verdict"], told["seed"])
    assert [(missed.name, missed.reason) for missed in entry.not_run] == [
        ("network-loss", "no netem")
    ]
    assert (kept.topology, kept.network, kept.host, kept.app) == ("3+2", "cilium", "lab", "shop")
    assert kept.host_facts == {"cpus": 8}
    assert (kept.before, kept.after, kept.lasted_s) == (
        drill["kubernetes"],
        drill["kubernetes"],
        drill["lasted_s"],
    )
    assert [budget.longest_s for budget in kept.budgets] == [
        b["measured"]["longest_s"] for b in drill["predicted"]
    ]
    assert [budget.predicted_s for budget in kept.budgets] == [
        b["predicted_s"] for b in drill["predicted"]
    ]
    control = next(probe for probe in drill["probes"] if probe["probe"] == "control")
    assert kept.control is not None
    assert (kept.control.p50_ms, kept.control.p99_ms) == (control["p50_ms"], control["p99_ms"])
    assert kept.tick_s == 0.1
    assert (kept.worst_lateness_ms, kept.host_lateness_ms) == (900.0, 33.0)
    assert kept.failed_checks == ()


def test_a_record_of_before_the_history_has_a_count_of_nodes_for_its_topology(run: Path) -> None:
    header = edit_header(run, lambda header: header["host"].pop("labels"))
    [drill] = read_entry(run).drills
    assert (drill.topology, drill.host) == (f"{len(header['nodes'])} nodes", "unknown")


def test_an_upgrade_is_known_by_both_versions(run: Path) -> None:
    def upgraded(data: Any) -> None:
        check = {
            "name": "the API server runs the new release",
            "ok": False,
            "found": "v1.35.4",
            "expected": "v1.36.3",
        }
        data["drills"][0]["checks"].append(check)

    edit(run / "verdict.json", upgraded)
    [drill] = read_entry(run).drills
    assert drill.after == "1.36.3"
    assert drill.failed_checks == ("the API server runs the new release",)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: (run / "verdict.json").unlink(), "kubedrill report 2026"),
        (lambda run: (run / "verdict.json").write_text("{"), "is not JSON"),
        (lambda run: (run / "verdict.json").write_text("[]"), "found schema None, expected 1"),
        (
            lambda run: edit(run / "verdict.json", lambda data: data.update(schema=2)),
            "found schema 2, expected 1",
        ),
        (
            lambda run: edit(run / "verdict.json", lambda data: data.pop("cluster")),
            "docs/reference/verdict.schema.json",
        ),
        (
            lambda run: edit(run / "verdict.json", lambda data: data["drills"][0].pop("probes")),
            "KeyError: 'probes'",
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
            "verdict: input should be",
        ),
        (
            lambda run: edit(
                run / "verdict.json", lambda data: data["drills"][0].update(lasted_s=-1)
            ),
            "drills.0.lasted_s: input should be greater than or equal to 0, found -1",
        ),
    ],
)
def test_what_is_no_run_is_told_so(run: Path, spoil: Callable[[Path], object], said: str) -> None:
    spoil(run)
    with pytest.raises(UsageError) as caught:
        read_entry(run)
    assert said in str(caught.value)
    assert isinstance(caught.value, KubedrillError)
