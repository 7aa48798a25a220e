"""A group's commands are found, named and imported when they are wanted."""

import subprocess
import sys

import click
import pytest

from kubedrill.cli.main import COMMANDS, cli


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, click.Command)
    assert command.name == name


def test_what_a_command_does_not_need_is_not_imported() -> None:
    said = "import sys, kubedrill.cli.main; print([name for name in ('kubernetes', 'paramiko') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
