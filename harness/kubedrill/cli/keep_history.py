"""Puts a finished run into the history, which never changes how the run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import KubedrillError
from kubedrill.base.redact import redact
from kubedrill.cli.options import open_history

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from kubedrill.config import Settings


def remember(console: Console, directory: Path, settings: Settings) -> None:
    """Add a run to the history where the settings say so; report a failure, and no more."""
    if not settings.history.enabled:
        return
    from kubedrill.history.read import read_document  # noqa: PLC0415 - SQLAlchemy takes 0.3 s

    try:
        with open_history(settings, create=True) as history:
            history.add([read_document(directory)])
    except KubedrillError as error:
        again = f"Add it later: kubedrill history add {directory.name}"
        text = f"the run is not in the history (its verdict stands): {error} {again}"
        text = redact(text)
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
