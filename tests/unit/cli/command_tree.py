"""The tree of kubedrill's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubedrill.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(
    command: click.Command = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Give each command that is shown, groups too, with its words after "kubedrill"."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from commands(inner, (*path, name))
