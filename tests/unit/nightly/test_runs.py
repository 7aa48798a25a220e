"""What a cell's runs and logs hold, where something else wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubedrill.nightly.runs import found_in, runs_of

if TYPE_CHECKING:
    from pathlib import Path

DEEP = "[" * 100_000
"""Python's own reader ends with RecursionError."""


@pytest.mark.parametrize("header", ['{"cluster": "lab", "cluster": "lab"}', DEEP])
def test_a_record_with_a_bad_header_is_no_run_of_the_cluster(tmp_path: Path, header: str) -> None:
    folder = tmp_path / "20260101T000000Z-7"
    (folder / "record").mkdir(parents=True)
    record = folder / "record" / "node-drain.jsonl"
    record.write_text('["header", {"cluster": "lab"}]\n')
    assert runs_of("lab", tmp_path, "20260101") == [folder]
    record.write_text(f'["header", {header}]\n')
    assert runs_of("lab", tmp_path, "20260101") == []


@pytest.mark.parametrize("findings", ['[], "findings": []', DEEP])
def test_readiness_that_cannot_be_read_is_none(tmp_path: Path, findings: str) -> None:
    log = tmp_path / "readiness.log"
    log.write_text('reading\n{\n"verdict": "ready", "findings": []}')
    assert found_in(log) == "ready"
    log.write_text(f'reading\n{{\n"verdict": "ready", "findings": {findings}}}')
    assert found_in(log) is None
