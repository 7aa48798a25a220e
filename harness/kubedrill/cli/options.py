"""Options that several commands share, and what the shell completes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_INVENTORY = Path("inventories/local")


def take_renamed(old: str, old_value: Path | None, new: str, new_value: Path | None) -> Path | None:
    """Return the value of a renamed option, with a warning where its old name was used."""
    if old_value is None:
        return new_value
    click.echo(f"kubedrill: {old} is deprecated and will go; use {new}", err=True)
    return old_value if new_value is None else new_value


def complete_drills(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete names of drills, with their titles where the shell shows them."""
    from kubedrill.drills import ALL  # noqa: PLC0415 - it takes longer than most commands do

    drills = [CompletionItem(name, help=drill.title) for name, drill in ALL.items()]
    return [item for item in [*drills, CompletionItem("all")] if item.value.startswith(incomplete)]


def complete_runs(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete runs by their names, the newest first, wherever reports_dir is."""
    from kubedrill.base.errors import KubedrillError  # noqa: PLC0415 - see complete_drills
    from kubedrill.config import load_settings  # noqa: PLC0415 - see complete_drills

    try:
        reports = load_settings().reports_dir
    except KubedrillError:
        return []
    runs = sorted((path.parent.name for path in reports.glob("*/record")), reverse=True)
    return [CompletionItem(run) for run in runs if run.startswith(incomplete)]


def complete_inventories(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the inventories of this folder, and any other path."""
    known: Iterable[Path] = sorted(Path("inventories").glob("*/"))
    items = [CompletionItem(str(path)) for path in known if str(path).startswith(incomplete)]
    return items or [CompletionItem(incomplete, type="file")]


inventory_option = click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path),
    default=DEFAULT_INVENTORY,
    show_default=True,
    shell_complete=complete_inventories,
    help="Ansible inventory of the cluster.",
)

config_option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    help="Configuration; default: kubedrill.yml where there is one.",
)

output_option = click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Format of what is printed.",
)

run_argument = click.argument(
    "run", default="latest", metavar="[RUN|latest]", shell_complete=complete_runs
)
