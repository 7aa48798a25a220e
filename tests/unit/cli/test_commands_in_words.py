"""Every kubedrill command that the documentation and the messages tell people to run can be run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from command_tree import commands

from kubedrill.cli.main import cli

ROOT = Path(__file__).parents[3]
IN_CODE = re.compile(r"^ {4,}(?:\$ )?(?:\.venv/bin/)?kubedrill (.+)$")
IN_MESSAGE = re.compile(r"kubedrill (bundle build(?: [^\s\"'`,;:)]+)*)")
PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def notes() -> list[tuple[str, str]]:
    """Where a command stands, and its words after "kubedrill"."""
    result = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := IN_CODE.match(line):
                result.append(
                    (f"{path.name}:{number}", re.split(r"\s+(?:[#|>]|&&)\s|  +|;", match[1])[0])
                )
    for folder in ("harness", "plugins", "roles", "playbooks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                output = IN_MESSAGE.findall(PLACEHOLDER.sub("X", line))
                result += [(f"{path.relative_to(ROOT)}:{number}", text) for text in output]
    return result


@pytest.mark.parametrize(
    ("where", "line"), notes(), ids=lambda v: v if re.search(r":\d+$", v) else ""
)
def test_a_command_that_people_are_told_to_run_is_one(where: str, line: str) -> None:
    assert_runs(where, shlex.split(line))


@pytest.mark.parametrize(
    "command", [command for path, command in commands() if path], ids=lambda c: c.name
)
def test_every_command_has_an_example_that_can_be_run(command: click.Command) -> None:
    if not isinstance(command, click.Group):
        [example] = re.findall(r"^ *Example: kubedrill (.+)$", command.help or "", re.MULTILINE)
        assert_runs(str(command.name), shlex.split(example))
        assert command.name in example.split()


def assert_runs(where: str, words: list[str]) -> None:
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        assert inner, f"{where}: there is no command {words[0]}"
        command, words = inner, words[1:]
    options = {
        name: p
        for p in command.params
        if isinstance(p, click.Option)
        for name in (*p.opts, *p.secondary_opts)
    }
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    room = 99 if any(p.nargs < 0 for p in arguments) else sum(p.nargs for p in arguments)
    while words:
        name, given, _ = words.pop(0).partition("=")
        if not name.startswith("-"):
            room -= 1
            assert room >= 0, f"{where}: {command.name} takes no {name}"
        elif name in options or name not in ("-h", "--help", "--version"):
            assert name in options, f"{where}: {command.name} has no option {name}"
            words = words[0 if given or options[name].is_flag else options[name].nargs :]
