"""What a run was asked for stays in its report, whatever became of the records."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from recordkit import Kit, write

from kubedrill.base.errors import UsageError
from kubedrill.base.plan import RunPlan, read_plan, write_plan
from kubedrill.base.results import VerdictKind
from kubedrill.cli.main import run as kubedrill
from kubedrill.history.read import read_document
from kubedrill.report import rebuild_report, write_report
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.base.model import Record

DRILLS = ["failover-vip", "node-drain"]
RUN = "20260101T000000Z-7"


def record_of(drill: str, **header: Any) -> Record:
    kit = Kit()
    kit.header = replace(kit.header, drill=drill, **{"run": RUN, **header})
    return kit.record()


def plan_of(drills: list[str]) -> RunPlan:
    header = Kit().header
    return RunPlan(
        run=RUN,
        cluster=header.cluster,
        seed=header.seed,
        drills=drills,
        tool_version="0",
        config_sha256="",
    )


@pytest.mark.parametrize("cluster", ['"a", "cluster": "b"', "[" * 100_000])
def test_a_plan_with_a_key_twice_or_endless_depth_is_refused(tmp_path: Path, cluster: str) -> None:
    plan = plan_of(DRILLS).model_dump_json()
    (tmp_path / "plan.json").write_text(plan.replace('"cluster":', f'"cluster": {cluster}, "x":'))
    with pytest.raises(UsageError, match=r"twice in one object|nested too deeply"):
        read_plan(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two drills that passed, with its plan, its records and its report."""
    folder = tmp_path / "reports" / RUN
    folder.mkdir(parents=True)
    write_plan(folder, plan_of(DRILLS))
    records = [record_of(name) for name in DRILLS]
    for record in records:
        write(record, path_of(folder, record.header.drill))
    write_report(folder, records, [judge(record) for record in records], not_run={})
    return folder


def path_of(folder: Path, drill: str) -> Path:
    return folder / "record" / f"{drill}.jsonl"


def document(folder: Path) -> dict[str, Any]:
    result = json.loads((folder / "verdict.json").read_text())
    assert isinstance(result, dict)
    return result


def suite(folder: Path) -> ET.Element:
    return ET.parse(folder / "junit.xml").getroot()[0]  # noqa: S314 - our own file


def test_a_whole_run_is_rebuilt_as_it_was(folder: Path) -> None:
    before = document(folder)
    assert rebuild_report(folder).verdict is VerdictKind.PASS
    assert document(folder) == before
    assert before["verdict"] == "PASS"
    assert all(len(drill["record_sha256"]) == 64 for drill in before["drills"])


def lose(folder: Path) -> None:
    path_of(folder, "node-drain").unlink()


def compress(folder: Path) -> None:
    path = path_of(folder, "node-drain")
    path.rename(path.with_suffix(".jsonl.gz"))


def damage(folder: Path) -> None:
    path_of(folder, "node-drain").write_text("what is this\n")


def empty(folder: Path) -> None:
    path_of(folder, "node-drain").write_text("")


def make_unreadable(folder: Path) -> None:
    lose(folder)
    path_of(folder, "node-drain").mkdir()


def put_another(folder: Path) -> None:
    shutil.copy(path_of(folder, "failover-vip"), path_of(folder, "node-drain"))


def put_another_runs(folder: Path) -> None:
    lose(folder)
    write(record_of("node-drain", run="20250101T000000Z-1"), path_of(folder, "node-drain"))


def put_another_clusters(folder: Path) -> None:
    lose(folder)
    write(record_of("node-drain", cluster="elsewhere"), path_of(folder, "node-drain"))


def put_another_seeds(folder: Path) -> None:
    lose(folder)
    write(record_of("node-drain", seed=8), path_of(folder, "node-drain"))


LOSSES = {
    lose: "is lost since",
    compress: "is lost since",
    damage: "cannot be read",
    empty: "cannot be read",
    make_unreadable: "cannot be read",
    put_another: "is the record of drill failover-vip",
    put_another_runs: "its record is of run 20250101T000000Z-1, expected run",
    put_another_clusters: "its record is of cluster elsewhere, expected cluster",
    put_another_seeds: "its record is of seed 8, expected seed",
}


@pytest.mark.parametrize("change", LOSSES)
@pytest.mark.parametrize("reported", [True, False])
def test_a_record_that_cannot_be_used_stays_in_the_run(
    folder: Path, change: Any, *, reported: bool
) -> None:
    if not reported:
        (folder / "verdict.json").unlink()
    change(folder)
    run = rebuild_report(folder)
    assert run.verdict is VerdictKind.INCONCLUSIVE
    [missing] = document(folder)["not_run"]
    assert (missing["name"], missing["missing"]) == ("node-drain", True)
    words = LOSSES[change] if reported or "lost since" not in LOSSES[change] else "has no record"
    assert words in missing["reason"]
    assert (suite(folder).get("errors"), suite(folder).get("tests")) == ("1", "2")
    assert "1 missing" in (folder / "index.html").read_text()
    assert read_document(folder).verdict is VerdictKind.INCONCLUSIVE
    assert rebuild_report(folder).verdict is VerdictKind.INCONCLUSIVE, "also the second time"


def test_a_record_that_was_not_asked_for_is_named(folder: Path) -> None:
    write(record_of("pod-killed"), path_of(folder, "pod-killed"))
    assert rebuild_report(folder).verdict is VerdictKind.INCONCLUSIVE
    [missing] = document(folder)["not_run"]
    assert missing["name"] == "pod-killed"
    assert "was not asked for" in missing["reason"]


def test_a_record_that_was_changed_after_the_run_is_no_pass(folder: Path) -> None:
    with path_of(folder, "node-drain").open("a") as record:
        record.write('["event","note","x","y",1,{}]\n')
    for _ in range(2):
        run = rebuild_report(folder)
        assert run.verdict is VerdictKind.INCONCLUSIVE
        assert "the record was changed after it was judged" in run.verdicts[1].reason
    assert document(folder)["drills"][0]["verdict"] == "PASS"


def test_a_report_of_before_seals_is_accepted_and_gets_none(folder: Path) -> None:
    (folder / "plan.json").unlink()
    data = document(folder)
    for drill in data["drills"]:
        del drill["record_sha256"]
    (folder / "verdict.json").write_text(json.dumps(data))
    assert rebuild_report(folder).verdict is VerdictKind.PASS
    assert [drill["record_sha256"] for drill in document(folder)["drills"]] == ["", ""]


@pytest.mark.parametrize("planned", [True, False])
def test_what_was_judged_before_stays_when_the_plan_and_the_record_are_lost(
    folder: Path, *, planned: bool
) -> None:
    """Also when the report is made twice: the first one no longer lists the drill's verdict."""
    if not planned:
        (folder / "plan.json").unlink()
    path_of(folder, "node-drain").unlink()
    for _ in range(2):
        run = rebuild_report(folder)
        assert run.verdict is VerdictKind.INCONCLUSIVE
        assert list(run.missing) == ["node-drain"]


@pytest.mark.parametrize("started", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+00:00"])
def test_a_clock_at_its_end_is_left_out(tmp_path: Path, started: str) -> None:
    kit = Kit()
    kit.header = replace(kit.header, started=started)
    kit.span("node", "w1", "Ready", 0, 1 << 32)
    record = kit.record()
    assert write_report(tmp_path / RUN, [record], [judge(record)], not_run={}).exists()


def test_a_run_that_was_killed_before_its_first_record_is_reported(folder: Path) -> None:
    (folder / "verdict.json").unlink()
    for drill in DRILLS:
        path_of(folder, drill).unlink()
    run = rebuild_report(folder)
    assert (run.verdict, run.cluster, run.seed) == (VerdictKind.INCONCLUSIVE, "local", 7)
    assert list(run.missing) == DRILLS
    assert suite(folder).get("errors") == "2"


def test_an_interrupted_run_stays_aborted(folder: Path) -> None:
    data = document(folder) | {"interrupted": True}
    (folder / "verdict.json").write_text(json.dumps(data))
    lose(folder)
    assert rebuild_report(folder).verdict is VerdictKind.ABORTED
    assert (document(folder)["exit_code"], document(folder)["interrupted"]) == (4, True)
    assert [case.get("name") for case in suite(folder) if case.find("error") is not None] == [
        "the run",
        "node-drain",
    ]


def test_what_was_not_run_is_kept_as_that(folder: Path) -> None:
    lose(folder)
    record = record_of("failover-vip")
    write_report(folder, [record], [judge(record)], not_run={"node-drain": "one worker only"})
    assert rebuild_report(folder).not_run == {"node-drain": "one worker only"}
    assert document(folder)["not_run"][0]["missing"] is False


def test_a_suite_of_nothing_but_skipped_drills_is_an_error(tmp_path: Path) -> None:
    write_report(tmp_path / RUN, [], [], not_run={"latency": "no netem"})
    result = suite(tmp_path / RUN)
    assert (result.get("errors"), result.get("skipped"), result.get("tests")) == ("1", "1", "2")
    assert "nothing was run" in str(result[1][0].get("message"))


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2}', '{"schema": 1, "drills": []}'])
def test_a_plan_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "plan.json").write_text(text)
    with pytest.raises(UsageError, match="expected the plan of a run"):
        rebuild_report(folder)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_plan(tmp_path) is None
    write_plan(tmp_path, plan_of(DRILLS))
    assert read_plan(tmp_path) == plan_of(DRILLS)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("edit", ["drills", "verdict"])
def test_the_history_takes_no_report_that_leaves_something_out(folder: Path, edit: str) -> None:
    data = document(folder)
    if edit == "drills":
        del data["drills"][1]
    else:
        data["drills"][1]["verdict"] = "FAIL"
    (folder / "verdict.json").write_text(json.dumps(data))
    with pytest.raises(UsageError, match="kubedrill report"):
        read_document(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"drills": ["failover-vip"]},
            "drills: found node-drain, which plan.json does not ask for",
        ),
        (
            {"drills": [*DRILLS, "zone-outage"]},
            "drills: found nothing of zone-outage, which plan.json asks for",
        ),
        ({"cluster": "elsewhere"}, "cluster: found 'local', expected 'elsewhere' as in plan.json"),
        ({"seed": 8}, "seed: found 7, expected 8 as in plan.json"),
    ],
)
def test_the_history_takes_no_report_of_something_else_than_was_planned(
    folder: Path, change: dict[str, object], words: str
) -> None:
    path = folder / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError, match=re.escape(words)):
        read_document(folder)


def test_a_run_that_was_copied_as_another_night_is_not_taken(folder: Path) -> None:
    copy = folder.with_name("20260102T000000Z-7")
    shutil.copytree(folder, copy)
    assert read_document(copy).run == RUN, "as it is, it is the same run"
    rebuild_report(copy)
    with pytest.raises(UsageError, match=f"a copy of run {RUN}"):
        read_document(copy)


@pytest.mark.parametrize(("change", "code"), [(None, 0), (lose, 3)])
def test_report_ends_with_the_exit_code_of_the_run(
    folder: Path, change: Any, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change:
        change(folder)
    monkeypatch.chdir(folder.parents[1])
    assert kubedrill(["report", RUN]) == code
