"""Commands are imported when they are called, under their old names too."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from kubedrill.cli.main import COMMANDS, OLD_NAMES, cli


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, click.Command)
    assert command.name == name


def test_what_a_command_does_not_need_is_not_imported() -> None:
    code = "import sys, kubedrill.cli.main; "
    code += "print([name for name in ('kubernetes', 'paramiko') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_an_old_name_works_with_a_warning(old: str, new: str) -> None:
    result = CliRunner().invoke(cli, [old, "--help"])
    assert result.exit_code == 0, result.output
    assert f"'{old}' is deprecated" in result.stderr
    assert f"use '{new}'" in result.stderr
    assert f"  {old} " not in CliRunner().invoke(cli, ["--help"]).output
