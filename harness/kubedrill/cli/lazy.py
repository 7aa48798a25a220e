"""A command group whose commands are imported when they are wanted.

All of them together take longer than most do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """Has the commands of ``modules`` besides its own.

    ``modules`` maps a command's name to "module", where it is named like that, or to "module:name".
    """

    def __init__(
        self, *args: Any, modules: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self._modules = modules or {}

    def list_commands(self, context: click.Context) -> list[str]:
        """The names, sorted as click does."""
        return sorted({*super().list_commands(context), *self._modules})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name, None when there is none."""
        if name not in self._modules:
            return super().get_command(context, name)
        module, _, attribute = self._modules[name].partition(":")
        found: click.Command = getattr(import_module(module), attribute or name)
        return found
