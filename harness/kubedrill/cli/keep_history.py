"""Puts a finished run into the history, which never changes how the run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import KubedrillError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from kubedrill.config import Settings


def remember(console: Console, directory: Path, settings: Settings) -> None:
    """Add a run to the history where the settings say so; a failure is told, and no more."""
    if not settings.history.enabled:
        return
    # SQLAlchemy takes 0.3 s to load, while the drills are over
    from kubedrill.history.read import read_document  # noqa: PLC0415
    from kubedrill.history.store import History  # noqa: PLC0415

    try:
        with History.open(
            settings.history.database, create=True, timeout_s=settings.timeouts.database
        ) as history:
            history.add([read_document(directory)])
    except KubedrillError as error:
        again = f"Add it later: kubedrill history add {directory.name}"
        text = f"the run is not in the history (its verdict stands): {error} {again}"
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
