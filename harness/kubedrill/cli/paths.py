"""Paths of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click import Context, Parameter


class PathName(click.Path):
    """A path with a name; pathlib reads an empty one as the working directory."""

    def __init__(self, **kinds: bool) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """Read it.

        Raises:
            BadParameter: it is empty, or not of the kind that is expected.
        """
        if not str(value).strip():
            self.fail(
                "expected a path, found an empty one; give . for the working directory", param, ctx
            )
        return super().convert(value, param, ctx)
