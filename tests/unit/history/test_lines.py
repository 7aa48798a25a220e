"""Export and import: the same history on the other side, all mistakes at once, all or nothing."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest
from nights import drill_entry, make_nights, run_document, seeded

from kubedrill.base.errors import ConfigErrors, StepFailed
from kubedrill.history.lines import read_lines, write_lines
from kubedrill.history.store import History

if TYPE_CHECKING:
    from pathlib import Path

NIGHTS = make_nights(seeded(4), 3)


def test_what_is_exported_from_one_database_is_imported_into_another(
    database: str, tmp_path: Path
) -> None:
    path = tmp_path / "all.jsonl"
    write_lines(NIGHTS, path)
    with History.open(database, create=True) as history:
        assert read_lines(path) == (NIGHTS, [])
        history.add(NIGHTS)
        assert history.runs() == NIGHTS
        write_lines(history.runs(), tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_all_mistakes_of_a_file_are_listed_with_their_lines(tmp_path: Path) -> None:
    good = NIGHTS[0].model_dump_json()
    path = tmp_path / "some.jsonl"
    lines = [
        good,
        "not json",
        '{"schema": 2}',
        "",
        good,
        good.replace('"verdict":"', '"verdict":"FINE', 1),
        good.replace('"lasted_s":', '"lasted_s":-', 1),
        '{"schema": 1, "mood": "good"}',
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    documents, mistakes = read_lines(path)
    assert documents == [NIGHTS[0]]
    text = "\n".join(mistakes)
    for output in (
        "line 2: is no run: Expecting value",
        "line 3: schema: expected 1, found 2",
        f"line 5: run {NIGHTS[0].run}: it was in line 1 already",
        "line 6: verdict: ",
        "line 7: drills.0.lasted_s: ",
        "line 8: mood: is not known here",
    ):
        assert output in text
    assert "line 1: " not in text
    path.write_text("\n".join(lines[1:3]), encoding="utf-8")
    with pytest.raises(ConfigErrors, match="9 mistakes"):
        read_lines(path)


def test_a_verdict_of_before_is_taken_no_better_than_its_parts(tmp_path: Path) -> None:
    """Before 0.2 a drill that was not run left the run PASS."""
    document = run_document([drill_entry()], not_run=[{"name": "zone-outage", "reason": "no zone"}])
    path = tmp_path / "some.jsonl"
    line = document.model_dump_json().replace("INCONCLUSIVE", "PASS", 1)
    path.write_text(line.replace('"exit_code":3', '"exit_code":0'), encoding="utf-8")
    assert read_lines(path) == ([document], [])


@pytest.mark.parametrize("night", [-2, 31])
def test_a_drill_that_another_clock_dated_has_no_date(tmp_path: Path, night: int) -> None:
    document = run_document([drill_entry(night=night), drill_entry("node-drain", 0)], 0)
    path = tmp_path / "some.jsonl"
    write_lines([document], path)
    [read], _ = read_lines(path)
    assert [drill.started for drill in read.drills] == ["", document.drills[1].started]


def test_a_mark_that_windows_puts_before_a_text_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    write_lines(NIGHTS, path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_lines(path) == (NIGHTS, [])


def test_an_upgrade_from_a_release_candidate_left_another_version(tmp_path: Path) -> None:
    drill = drill_entry("cluster-upgrade", kubernetes="1.36.3-rc.1", kubernetes_after="1.36.3")
    document = run_document([drill], run=f"20240101T020000Z-{'9' * 5000}")
    path = tmp_path / "some.jsonl"
    write_lines([document], path)
    assert read_lines(path) == ([document], [])


def test_a_key_that_stands_twice_is_no_way_to_a_better_verdict(tmp_path: Path) -> None:
    line = run_document([drill_entry(verdict="FAIL")]).model_dump_json()
    path = tmp_path / "some.jsonl"
    better = line.replace('"exit_code":1', '"exit_code":0,"verdict":"PASS"', 1)
    path.write_text(better, encoding="utf-8")
    with pytest.raises(ConfigErrors, match="'verdict' twice in one object"):
        read_lines(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "some.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigErrors, match="give a file of kubedrill history export"):
        read_lines(path)


def test_numbers_that_no_database_keeps_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    line = run_document([drill_entry(lasted_s=12.5)]).model_dump_json()
    lines = (
        line.replace("12.5", "NaN"),
        line.replace('"seed":0', f'"seed":{2**63}'),
        line.replace('"cpus":2', '"cpus":NaN'),
        line.replace('"cpus":2', f'"cpus":{"[" * 200 + "]" * 200}'),
        line.replace('"cluster":"kubedrill"', '"cluster":"kube\\u0000drill"'),
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigErrors, match="5 mistakes"):
        read_lines(path)


def test_an_export_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text("old", encoding="utf-8")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        with pytest.raises(StepFailed, match="File too large"):
            write_lines(NIGHTS, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
