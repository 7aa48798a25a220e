"""kubedrill notify: tell what a cycle came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubedrill.cli.options import config_option
from kubedrill.cli.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.base.document import RunDocument
    from kubedrill.config import Settings


@click.command()
@click.argument("cycle", default="latest", metavar="[CYCLE|latest]")
@config_option
@click.option("--always", is_flag=True, help="Also where nothing changed since the last cycle.")
def notify(cycle: str, config: Path | None, *, always: bool) -> None:
    """Tell what a nightly cycle came to: message, metrics, summary.md, junit.xml.

    `nightly` does it by itself.
    """
    # these load SQLAlchemy and Apprise, which other commands need not pay
    from kubedrill.nightly.cycle import FOLDER  # noqa: PLC0415
    from kubedrill.notify.deliver import find_cycle, tell_cycle  # noqa: PLC0415

    settings = load_settings(config)
    folder = find_cycle(settings.reports_dir / FOLDER, cycle)
    click.echo(tell_cycle(folder, read_runs(settings), settings.notify, always=always))


def read_runs(settings: Settings) -> list[RunDocument]:
    """The history's runs; none where it is switched off."""
    from kubedrill.history.store import History  # noqa: PLC0415 - see above

    if not settings.history.enabled:
        return []
    with History.open(
        settings.history.database, create=True, timeout_s=settings.timeouts.database
    ) as history:
        return history.runs()
