"""The command: mistakes before anything else, exit codes, what is made when a cycle ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nightlykit import PROGRAM, VERSIONS, Bed

from kubedrill.cli import nightly as command
from kubedrill.cli.main import run
from kubedrill.nightly import context, cycle
from kubedrill.nightly.plan_file import load_plan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(context, "KUBEDRILL", PROGRAM)
    result = Bed(tmp_path)
    plan = load_plan(tmp_path / "plan.yml", VERSIONS)
    assert cycle.Cycles(plan, tmp_path, None, print).program == PROGRAM, (
        "else it would make a real cluster"
    )
    result.plan((tmp_path / "plan.yml").read_text().replace("3+2: ", ""))
    return result


def test_mistakes_of_a_plan_end_with_2_before_anything_is_made(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.plan("topologies: {3+2: }\nversions: [1.1.1]\n")
    assert run(["nightly", "plan.yml"]) == 2
    assert "line 2: Kubernetes 1.1.1 has no bundle" in capsys.readouterr().err
    assert not (bed.folder / "reports").exists()


def test_check_lists_the_cells_and_makes_nothing(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nightly", "plan.yml", "--check"]) == 0
    assert "1 cells, about" in capsys.readouterr().out
    assert not (bed.folder / "reports").exists()


def test_a_cycle_ends_with_its_worst_verdict_and_makes_the_site(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.tell(outage=["drill cluster-upgrade"])
    assert run(["nightly", "plan.yml"]) == 1
    notes = capsys.readouterr()
    assert "FAIL" in notes.err
    assert "nobody is told: no URLs" in notes.err
    folder = bed.folder / "reports" / "nightly" / bed.states()[0].cycle
    assert notes.out.strip().endswith(str(folder))
    assert (folder / "junit.xml").exists()
    assert "❌ FAIL" in (folder / "summary.md").read_text()
    assert (bed.folder / "reports" / "site" / "index.html").exists()


def test_continue_says_that_there_is_nothing_to_continue(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nightly", "plan.yml", "--continue"]) == 0
    assert "no cycle was cut off" in capsys.readouterr().out
    assert bed.states() == []


def test_versions_that_a_plan_may_name(bed: Bed) -> None:
    (bed.folder / "cache" / "bundles" / "v1.40.1-amd64").mkdir(parents=True)
    (bed.folder / "cache" / "bundles" / "v1.40.1-amd64" / "bundle.json").touch()
    assert {"1.35.4", "1.36.3", "1.40.1"} <= command.available_versions()
