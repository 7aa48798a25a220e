"""What a shell is given to complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from kubedrill.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two inventories and two runs, the working directory."""
    for name in ("inventories/local", "inventories/mine", "reports/r1/record", "reports/r2/record"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complete(*words: str) -> list[str]:
    *given, last = words
    shell = ShellComplete(cli, {}, "kubedrill", "_KUBEDRILL_COMPLETE")
    return [item.value for item in shell.get_completions(given, last)]


def test_commands_and_options() -> None:
    assert {"completion", "doctor", "drill", "init"} <= set(complete(""))
    assert "--dry-run" in complete("drill", "--dr")


def test_drills() -> None:
    assert complete("drill", "node-dr") == ["node-drain"]
    assert "pod-killed" in complete("drill", "node-drain", "pod-k")
    assert "all" in complete("drill", "a")


def test_runs_newest_first() -> None:
    assert complete("replay", "") == ["r2", "r1"]
    assert complete("report", "r1") == ["r1"]


def test_a_broken_configuration_completes_nothing(project: Path) -> None:
    (project / "kubedrill.yml").write_text("no: such setting")
    assert complete("replay", "") == []


def test_inventories() -> None:
    assert complete("drill", "-i", "") == ["inventories/local", "inventories/mine"]
    assert complete("drill", "-i", "elsewhere/") == ["elsewhere/"], "the shell completes a file"
