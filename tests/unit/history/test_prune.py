"""The retention rule: records go only where the verdict is safe, and verdicts never go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from nights import drill_entry, run_document

from kubedrill.cli.main import run as kubedrill
from kubedrill.history.prune import decide, finish_cut_removals, remove
from kubedrill.history.read import read_document
from kubedrill.history.store import History

if TYPE_CHECKING:
    from pathlib import Path

HEADER = {"host": {}, "nodes": ["cp1"], "probes": []}


def make_run(reports: Path, day: int, verdict: str = "PASS") -> Path:
    directory = reports / f"202611{day:02}T020000Z-1"
    (directory / "record").mkdir(parents=True)
    drill = drill_entry("node-drain", day, verdict=verdict)
    document = run_document([drill], day, run=directory.name, seed=1)
    (directory / "verdict.json").write_text(document.model_dump_json(indent=2), encoding="utf-8")
    (directory / "index.html").touch()
    (directory / "record" / "node-drain.jsonl").write_text(
        json.dumps(["header", HEADER]) + "\n" + "x" * 1000
    )
    return directory


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five nights with records, all in the history; latest points to the last."""
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports"
    directories = [make_run(reports, day) for day in range(1, 6)]
    (reports / "latest").symlink_to(directories[-1].name)
    with History.open(create=True) as history:
        history.add([read_document(directory) for directory in directories])
    return reports


def with_records(reports: Path) -> list[int]:
    return sorted(int(path.parent.name[6:8]) for path in reports.glob("2*/record"))


def reasons(reports: Path, keep: int) -> dict[int, str]:
    with History.open() as history:
        known = {run.run: run for run in history.runs()}
    return {int(each.directory.name[6:8]): each.why for each in decide(reports, known, keep)}


def test_the_newest_keep_their_records_and_every_verdict_stays(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kubedrill(["history", "prune", "--keep-records", "2"]) == 0
    assert with_records(reports) == [4, 5]
    assert (
        len(list(reports.glob("2*/verdict.json"))) == len(list(reports.glob("2*/index.html"))) == 5
    )
    with History.open() as history:
        assert len(history.runs()) == 5
    assert "3 of 5 records" in capsys.readouterr().out


def test_a_dry_run_removes_nothing_and_prints_the_same(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (reports / "20261101T020000Z-1" / ".record.removing").mkdir()
    assert kubedrill(["history", "prune", "--keep-records", "2", "--dry-run"]) == 0
    assert with_records(reports) == [1, 2, 3, 4, 5]
    assert (reports / "20261101T020000Z-1" / ".record.removing").exists()
    out = capsys.readouterr().out
    assert out.count("would be removed") == 4
    assert "3 of 5 records" in out


def test_what_the_history_does_not_hold_is_kept(reports: Path) -> None:
    make_run(reports, 6)
    assert (
        reasons(reports, 0)[6]
        == "it is not in the history: kubedrill history add 20261106T020000Z-1"
    )


def test_a_run_whose_verdict_was_judged_anew_is_kept(reports: Path) -> None:
    path = reports / "20261102T020000Z-1" / "verdict.json"
    text = path.read_text().replace("PASS", "FAIL")
    path.write_text(text.replace('"exit_code": 0', '"exit_code": 1'))
    assert (
        "the history has another verdict of it: kubedrill history add --replace"
        in reasons(reports, 0)[2]
    )
    path.write_text("{")
    assert reasons(reports, 0)[2].startswith("it cannot be read: ")


def test_a_run_that_is_still_going_on_is_kept(reports: Path) -> None:
    (reports / "20261101T020000Z-1" / "verdict.json").unlink()
    assert reasons(reports, 0)[1] == "it has no verdict yet"


def test_latest_is_kept_even_where_no_record_is_to_be(reports: Path) -> None:
    assert reasons(reports, 0) == {1: "", 2: "", 3: "", 4: "", 5: "latest points to it"}


def test_links_are_never_followed(reports: Path, tmp_path: Path) -> None:
    elsewhere = make_run(tmp_path / "archive", 7)
    (reports / elsewhere.name).symlink_to(elsewhere)
    inner = make_run(reports, 8)
    (inner / "record").rename(tmp_path / "precious")
    (inner / "record").symlink_to(tmp_path / "precious")
    assert set(reasons(reports, 0)) == {1, 2, 3, 4, 5}


def test_a_removal_that_was_cut_is_finished_by_the_next(reports: Path) -> None:
    directory = reports / "20261101T020000Z-1"
    (directory / "record").rename(directory / ".record.removing")
    finish_cut_removals(reports)
    assert not (directory / ".record.removing").exists()
    with History.open() as history:
        known = {run.run: run for run in history.runs()}
    [*_, second] = decide(reports, known, 0)
    (second.directory / ".record.removing").mkdir()
    remove(second)
    assert not (second.directory / "record").exists()
    assert not (second.directory / ".record.removing").exists()


def test_pruning_without_a_history_is_refused(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        kubedrill(["history", "--database", "sqlite:///none.db", "prune", "--keep-records", "0"])
        == 2
    )
    assert "there is no history yet" in capsys.readouterr().err
    assert with_records(reports) == [1, 2, 3, 4, 5]


def test_an_empty_run_document_is_no_reason_to_remove(reports: Path) -> None:
    with History.open() as history:
        history.add([run_document([], run="20261101T020000Z-1")], replace=True)
    assert reasons(reports, 0)[1].startswith("the history has another verdict")
