"""kubedrill site and notify: what people and programs get of the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubedrill.cli.options import (
    config_option,
    database_option,
    old_option,
    open_history,
    to_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.base.document import RunDocument
    from kubedrill.config import Settings

# SQLAlchemy and Apprise are imported where they are used: other commands need not pay 0.3 s.


@click.command()
@config_option
@database_option
@to_option("site/ below the reports", is_folder=True)
@old_option("--output", "--to")
def site(settings: Settings, database: str | None, to: Path | None) -> None:
    """Make a static site of the history: matrix, trends, runs, comparisons.

    It opens from the disk, offline.

    Example: kubedrill site --to public
    """
    from kubedrill.site.write import write_site  # noqa: PLC0415 - see above

    to = to or settings.reports_dir / "site"
    with open_history(settings, database) as history:
        runs = history.runs()
    click.echo(write_site(runs, to, settings.reports_dir))


@click.command()
@click.argument("cycle", default="latest", metavar="[CYCLE|latest]")
@config_option
@click.option("--always", is_flag=True, help="Also where nothing changed since the last cycle.")
def notify(cycle: str, settings: Settings, *, always: bool) -> None:
    """Tell what a nightly cycle came to: message, metrics, summary.md, junit.xml.

    `nightly` does it by itself.

    Example: kubedrill notify latest --always
    """
    from kubedrill.nightly.state import FOLDER  # noqa: PLC0415 - see above
    from kubedrill.notify.deliver import find_cycle, tell_cycle  # noqa: PLC0415 - see above

    folder = find_cycle(settings.reports_dir / FOLDER, cycle)
    click.echo(tell_cycle(folder, read_runs(settings), settings.notify, always=always))


def read_runs(settings: Settings) -> list[RunDocument]:
    """The history's runs; none where it is switched off."""
    if not settings.history.enabled:
        return []
    with open_history(settings, create=True) as history:
        return history.runs()
