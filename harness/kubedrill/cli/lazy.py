"""A command group whose commands are imported when they are called.

All of them together take longer than most do.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from kubedrill.base.errors import KubedrillError

if TYPE_CHECKING:
    from collections.abc import Mapping


def warn_renamed(old: str, new: str) -> None:
    """Say that a name of the release before was used, which goes with the next one."""
    click.echo(
        f"kubedrill: warning: '{old}' is deprecated and goes with the next release; use '{new}'",
        err=True,
    )


class LazyGroup(click.Group):
    """Has the commands of ``modules`` besides its own.

    ``modules`` maps a command's name to "module", where it is named like that, or to "module:name".
    ``old_names`` maps names of the release before to those of today: they work, with a warning.
    """

    def __init__(
        self,
        *args: Any,
        modules: Mapping[str, str] | None = None,
        old_names: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self._modules, self._old_names = modules or {}, old_names or {}

    def list_commands(self, context: click.Context) -> list[str]:
        """The names, sorted as click does."""
        return sorted({*super().list_commands(context), *self._modules})

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke the command; an error that ends it learns what was called."""
        try:
            return super().invoke(ctx)
        except KubedrillError as error:
            path = f"{ctx.command_path} {ctx.invoked_subcommand}".split()[1:]
            error.command = error.command or " ".join(path)
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names.

        Raises:
            UsageError: there is none; names the three that are nearest to it.
        """
        name, known = args[0], self.list_commands(ctx)
        is_known = name in known or name in self._old_names
        if not (is_known or name.startswith("-") or ctx.resilient_parsing):
            like = get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(like)}?" if like else f"known: {', '.join(known)}"
            raise click.UsageError(f"no such command: {name[:60]}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name, None when there is none."""
        if name in self._old_names:
            old, name = name, self._old_names[name]
            if not context.resilient_parsing:
                warn_renamed(old, name)
        if name not in self._modules:
            return super().get_command(context, name)
        module, _, attribute = self._modules[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute or name)
        return command
