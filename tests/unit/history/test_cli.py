"""kubedrill history as users call it; on both databases where the database matters."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from nights import Planted, make_nights, seeded
from referencing import Registry, Resource
from rich.console import Console

from kubedrill.base.results import VerdictKind
from kubedrill.cli import drill
from kubedrill.cli.keep_history import remember
from kubedrill.cli.main import run as kubedrill
from kubedrill.config import History as HistorySettings
from kubedrill.config import Settings
from kubedrill.history.lines import write_lines
from kubedrill.history.store import History
from kubedrill.record import read_run
from kubedrill.report import write_report
from kubedrill.runner.run import RunResult
from kubedrill.verdict import judge

RECORDS = Path(__file__).parents[2] / "records"
REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def validated(name: str, text: str) -> Any:
    document = json.loads(text)
    schema, verdict = (
        json.loads((REFERENCE / f"{each}.schema.json").read_text(encoding="utf-8"))
        for each in (name, "verdict")
    )
    registry = Resource.from_contents(verdict) @ Registry()
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)
    return document


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one real run in reports/."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "reports" / "20261121T020000Z-7"
    (directory / "record").mkdir(parents=True)
    drill = json.loads((RECORDS / "good.jsonl").read_text(encoding="utf-8").split("\n", 1)[0])[1][
        "drill"
    ]
    shutil.copy(RECORDS / "good.jsonl", directory / "record" / f"{drill}.jsonl")
    records = read_run(directory)
    write_report(directory, records, [judge(record) for record in records])
    return directory


def test_add_list_export_and_import(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["history", "--database", database]
    assert kubedrill([*base, "add", "--topology", "3+2", "--host", "lab"]) == 0
    assert "20261121T020000Z-7 added: " in capsys.readouterr().out
    assert kubedrill([*base, "add", "20261121T020000Z-7"]) == 0
    assert "20261121T020000Z-7 was there already" in capsys.readouterr().out
    assert kubedrill([*base, "list"]) == 0
    out = capsys.readouterr().out
    assert "20261121T020000Z-7" in out
    assert "3+2" in out
    assert "1 of 1 runs" in out
    assert kubedrill([*base, "list", "-o", "json"]) == 0
    document = validated("history-list", capsys.readouterr().out)
    assert document["total"] == 1
    assert [run["run"] for run in document["runs"]] == ["20261121T020000Z-7"]
    assert document["runs"][0]["drills"][0]["topology"] == "3+2"
    assert kubedrill([*base, "export", "all.jsonl"]) == 0
    assert kubedrill([*base, "import", "all.jsonl"]) == 0
    assert "1 runs read: 1 was there already" in capsys.readouterr().out
    assert (
        kubedrill(
            ["history", "--database", f"sqlite:///{tmp_path}/other.db", "import", "all.jsonl"]
        )
        == 0
    )
    assert "1 runs read: 1 added" in capsys.readouterr().out


def test_an_import_takes_what_is_sound_and_names_the_rest(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(make_nights(seeded(2), 2), Path("some.jsonl"))
    good, other = Path("some.jsonl").read_text(encoding="utf-8").splitlines()
    forged = other.replace('"samples":9000', '"samples":0', 1)
    Path("some.jsonl").write_text(f"{good}\n{forged}\n", encoding="utf-8")
    assert kubedrill(["history", "--database", database, "import", "some.jsonl"]) == 1
    captured = capsys.readouterr()
    assert "1 runs read: 1 added" in captured.out
    assert "not all was taken: some.jsonl has " in captured.err
    assert "line 2: run 20240102T020000Z-1: drills.0.failed: found " in captured.err
    with History.open(database) as history:
        assert [run.run for run in history.runs()] == ["20240101T020000Z-0"]


def test_a_verdict_that_changed_is_refused_unless_it_is_to_be_replaced(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kubedrill(["history", "add"]) == 0
    path = directory / "verdict.json"
    text = path.read_text().replace('"verdict": "PASS"', '"verdict": "FAIL"')
    path.write_text(text.replace('"exit_code": 0', '"exit_code": 1'))
    assert kubedrill(["history", "add"]) == 2
    assert "--replace" in capsys.readouterr().err
    assert kubedrill(["history", "add", "--replace"]) == 0
    with History.open() as history:
        assert history.runs()[0].verdict.value == "FAIL"


def test_trends_ends_with_1_where_something_got_worse(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(
        make_nights(seeded(1), 40, changed=10, planted=Planted(factor=4), slow_share=0.1),
        Path("worse.jsonl"),
    )
    base = ["history", "--database", database]
    assert kubedrill([*base, "import", "worse.jsonl"]) == 0
    capsys.readouterr()
    assert kubedrill([*base, "trends", "--drill", "cluster-upgrade"]) == 1
    out = capsys.readouterr().out
    assert "cluster-upgrade: 1.35 → 1.36, 3+2, flannel-vxlan, build-1, hello" in out
    assert "1 got worse" in out
    assert "set aside: 2024" in out
    assert "slow host: " in out
    assert kubedrill([*base, "trends", "--drill", "failover-vip", "--output", "json"]) == 0
    document = validated("history-trends", capsys.readouterr().out)
    assert {series["drill"] for series in document["series"]} == {"failover-vip"}
    assert document["rules"]["alarm_rate"] == 0.01
    assert kubedrill([*base, "trends", "--output", "json"]) == 1
    document = validated("history-trends", capsys.readouterr().out)
    worse = [series for series in document["series"] if series["change"] == "worse"]
    assert len(worse) == document["worse"] > 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["trends", "--drill", "falover"],
            "no such drill in the history: falover; drills there: failover-vip",
        ),
        (["trends", "--before", "70"], "--before 70 is more than --window 60"),
        (["add", "20200101T000000Z-1"], "no run '20200101T000000Z-1' in reports"),
        (["add", "--host", " "], "--host: found nothing, expected a name"),
        (["import", "absent.jsonl"], "cannot be read: No such file"),
        (["--database", "mysql://h/d", "list"], "found a URL of 'mysql'"),
        (["--database", "sqlite:///absent.db", "trends"], "there is no history yet"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kubedrill(["history", "add"]) == 0
    capsys.readouterr()
    assert kubedrill(["history", *words]) == 2
    err = capsys.readouterr().err
    assert expected in " ".join(err.split())
    assert "Traceback" not in err
    assert not Path("absent.db").exists()


def settings(**given: str | bool) -> Settings:
    return Settings(history=HistorySettings.model_validate(given))


def test_a_finished_run_is_remembered_by_itself(directory: Path) -> None:
    remember(Console(stderr=True), directory, settings())
    with History.open() as history:
        assert [entry.run for entry in history.runs()] == [directory.name]


def test_nothing_is_remembered_where_the_settings_say_no(directory: Path, tmp_path: Path) -> None:
    remember(Console(stderr=True), directory, settings(enabled=False))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite:////proc/no/such.db",
        "sqlite:////dev/full",
        "postgresql://u:geheim@127.0.0.1:1/d",
    ],
)
def test_a_history_that_cannot_be_written_is_told_and_nothing_more(
    directory: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    remember(Console(stderr=True), directory, settings(database=url))
    err = " ".join(capsys.readouterr().err.split())
    assert "the run is not in the history (its verdict stands)" in err
    assert f"Add it later: kubedrill history add {directory.name}" in err
    assert "geheim" not in err


@pytest.mark.parametrize("url", ["", "nonsense"])
def test_a_drill_ends_with_its_verdict_whatever_becomes_of_the_history(
    directory: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    """Only the drills themselves, which need a cluster, are left out."""
    verdicts = [
        dataclasses.replace(judge(record), verdict=VerdictKind.FAIL)
        for record in read_run(directory)
    ]
    monkeypatch.setattr(drill, "load_inventory", lambda _: make_inventory(drills_allowed=True))
    monkeypatch.setattr(drill, "run_drills", lambda *_, **__: RunResult(directory, tuple(verdicts)))
    Path("kubedrill.yml").write_text(f"history: {{database: '{url}'}}\n", encoding="utf-8")
    assert kubedrill(["drill", "failover-vip"]) == 1
    assert bool(list(tmp_path.glob("data/**/history.db"))) is not bool(url)


def test_a_newer_database_is_refused_by_every_command_untouched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kubedrill(["history", "add"]) == 0
    [path] = tmp_path.glob("data/**/history.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9001'")
    connection.close()
    Path("some.jsonl").touch()
    before = path.read_bytes()
    capsys.readouterr()
    commands = (
        ["add"],
        ["list"],
        ["export", "x"],
        ["import", "some.jsonl"],
        ["thin", "--keep-records", "0"],
        ["trends"],
    )
    for words in commands:
        assert kubedrill(["history", *words]) == 2, words
        assert "was made by a newer kubedrill" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert not Path("x").exists()
