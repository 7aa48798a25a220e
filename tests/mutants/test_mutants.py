"""The harness calls each mutant what it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import mutants_page
import pytest
from mutantkit import MUTANTS, Called, Mutant, call, good_document, healthy
from recordkit import write

from kubedrill.history.lines import read_lines

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_mutant(mutant: Mutant, tmp_path: Path) -> None:
    mutant.make(tmp_path)
    called, reason = call(tmp_path)
    assert called is mutant.called, reason
    assert mutant.reason in reason


@pytest.mark.parametrize("mutant", [each for each in MUTANTS.values() if each.group == "document"])
def test_the_import_calls_a_document_the_same_and_takes_the_others(
    mutant: Mutant, tmp_path: Path
) -> None:
    other = good_document(tmp_path) | {"run": "good"}
    mutant.make(tmp_path)
    data = json.loads((tmp_path / "verdict.json").read_text())
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{json.dumps(data)}\n{json.dumps(other)}\n")
    documents, mistakes = read_lines(path)
    called = [Called(document.verdict.value) for document in documents]
    assert called == [*([mutant.called] if mutant.called is not Called.REFUSED else []), "PASS"]
    assert bool(mistakes) == (mutant.called is Called.REFUSED)
    assert mutant.reason in "".join(mistakes) or not mistakes


@pytest.mark.parametrize("seed", range(10))
def test_a_healthy_run_passes_each_time(seed: int, tmp_path: Path) -> None:
    write(healthy(seed).record(), tmp_path / "record" / "failover-vip.jsonl")
    assert call(tmp_path) == (Called.PASS, "not one request failed and 3 checks passed")


def test_there_are_enough_and_each_says_what_is_broken() -> None:
    assert len(MUTANTS) >= 30
    assert set(Called) == {mutant.called for mutant in MUTANTS.values()}
    for mutant in MUTANTS.values():
        assert mutant.broken.endswith(".")
        assert len(mutant.reason) > 10


def test_the_pages_are_made_from_the_definitions() -> None:
    for path, text in mutants_page.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run python tests/mutants/mutants_page.py"


def test_the_track_record_has_their_count() -> None:
    broken = sum(mutant.called is not Called.PASS for mutant in MUTANTS.values())
    text = (mutants_page.FOLDER.parent / "explanation" / "track-record.md").read_text()
    assert f"{broken} broken records and {len(mutants_page.LIVE)} broken live clusters" in text
