"""kubedrill heal: put back at once what faults left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from kubedrill.cli.options import config_option, inventory_option
from kubedrill.cluster.inventory import Inventory
from kubedrill.config import load_settings
from kubedrill.runner.heal import heal as heal_cluster
from kubedrill.runner.permission import require_permission

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@inventory_option
@config_option
@click.option("--dry-run", is_flag=True, help="Only list what is left; touch nothing.")
@click.pass_context
def heal(context: click.Context, inventory: Path, config: Path | None, dry_run: bool) -> None:
    """Put back what faults left on a cluster.

    Power, firewall, services, manifests, files, cordons, namespaces.

    Ends with 0 when nothing is left, with 1 when something is.
    """
    settings = load_settings(config)
    cluster = Inventory.load(inventory)
    if not dry_run:
        require_permission(cluster)
    console = Console(stderr=True)

    def tell(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    result = heal_cluster(cluster, settings, tell, dry_run=dry_run)
    for item in result.left:
        why = result.failed.get(item)
        click.echo(f"left: {item}" + (f" ({why})" if why else ""))
    repaired = len(set(result.detected) - set(result.left))
    click.echo(
        f"{cluster.name}: {len(result.detected)} found, {repaired} repaired, {len(result.left)} left"
    )
    context.exit(1 if result.left else 0)
