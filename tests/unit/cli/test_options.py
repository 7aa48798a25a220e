"""An option means the same wherever it is taken, and what it was called before goes on."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import click
import pytest
from command_tree import commands

from kubedrill.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = [
    (path, option)
    for path, command in commands()
    for option in command.params
    if isinstance(option, click.Option) and not option.hidden
]

RENAMED = [
    ("readiness --to latest", "--to", "--upgrade-to"),
    ("diagnostics --minutes 5 -i none", "--minutes", "--since"),
    ("diagnostics --output x.tar.gz -i none", "--output", "--to"),
    ("site --output x", "--output", "--to"),
    ("app deploy --version v2 -i none", "--version", "--app-version"),
]


def meaning(option: click.Option) -> str:
    """The help without what it is where it is not given."""
    return re.split(r"; default|; its bundle|; else", str(option.help))[0].rstrip(".")


def test_every_option_says_what_it_means() -> None:
    assert [(path, option.opts) for path, option in SHOWN if not option.help] == []


def test_an_option_has_one_meaning_and_one_type_in_all_commands() -> None:
    uses: dict[str, dict[tuple[str, str, bool], list[str]]] = defaultdict(lambda: defaultdict(list))
    for path, option in SHOWN:
        for name in option.opts:
            key = (type(option.type).__name__, meaning(option), option.is_flag)
            uses[name][key].append(path)
    assert {name: dict(kinds) for name, kinds in uses.items() if len(kinds) > 1} == {}


def test_an_output_is_a_format_and_to_is_a_path() -> None:
    for path, option in SHOWN:
        if {"-o", "--output"} & {*option.opts}:
            assert option.opts == ["--output", "-o"], path
            assert isinstance(option.type, click.Choice), path
            assert "json" in option.type.choices
        if "--to" in option.opts:
            assert isinstance(option.type, click.Path), path
            assert "written" in str(option.help), path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder, and a user without a history."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


@pytest.mark.parametrize(("line", "old", "new"), RENAMED, ids=str)
def test_an_old_name_goes_on_with_a_warning(
    line: str,
    old: str,
    new: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(line.split()) == 2
    err = capsys.readouterr().err
    assert f"warning: '{old}' is deprecated" in err
    assert f"use '{new}'" in err


def test_what_an_old_name_gives_is_what_the_new_one_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for line in ("readiness --to latest", "readiness --upgrade-to latest"):
        assert run(line.split()) == 2
        assert "latest" in capsys.readouterr().err.splitlines()[-1]
    assert run(["readiness", "--to", "latest", "--upgrade-to", "newest"]) == 2
    assert "newest" in capsys.readouterr().err.splitlines()[-1], "the new name wins"


def test_an_old_name_in_the_help_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnostics", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--since DURATION" in out
    assert "--minutes" not in out
