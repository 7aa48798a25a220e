"""kubedrill site: a static site of all runs."""

from __future__ import annotations

from pathlib import Path

import click

from kubedrill.cli.options import config_option, take_renamed
from kubedrill.cli.settings import load_settings


@click.command()
@config_option
@click.option(
    "--database", metavar="URL", help="sqlite:///FILE or postgresql://…; default: history.database."
)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), hidden=True)
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Default: site/ below the reports.",
)
def site(config: Path | None, database: str | None, output: Path | None, to: Path | None) -> None:
    """Make a static site of the history: matrix, trends, runs, comparisons.

    It opens from the disk, offline.
    """
    # these load SQLAlchemy: 0.3 s, which other commands need not pay
    from kubedrill.history.store import History  # noqa: PLC0415
    from kubedrill.site.write import write_site  # noqa: PLC0415

    settings = load_settings(config)
    to = take_renamed("--output", output, "--to", to)
    place = settings.history.database if database is None else database
    with History.open(place, timeout_s=settings.timeouts.database) as history:
        runs = history.runs()
    click.echo(write_site(runs, to or settings.reports_dir / "site", settings.reports_dir))
