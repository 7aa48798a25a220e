"""kubedrill pod: what is needed to run kubedrill in one cluster and drill another one from there."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from kubedrill.bundle.cli import interruptible, shown_progress
from kubedrill.bundle.own_image import own_bundle, own_reference
from kubedrill.cli.options import config_option, inventory_option
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.playbooks import run_playbook
from kubedrill.cluster.pod_target import pod_target
from kubedrill.config import load_settings

IMAGE_PLAYBOOK = "kubedrill_image.yml"


@click.group()
def pod() -> None:
    """Run kubedrill in a cluster's pods, to drill another cluster (docs/how-to/schedule.md)."""


@pod.command()
@inventory_option
@config_option
def image(inventory: Path, config: Path | None) -> None:
    """Build kubedrill's own image, and import it on every node of the cluster that is to run it. Safe to repeat."""
    settings = load_settings(config)
    cluster = Inventory.load(inventory)
    with interruptible(), shown_progress(Console(stderr=True)) as building:
        own_bundle(building)
    imported = run_playbook(cluster, IMAGE_PLAYBOOK, timeout_s=settings.timeouts.playbook).changed
    told = f"{imported} nodes got it" if imported else "every node has it"
    click.echo(f"{cluster.name}: {own_reference()}: {told}")


@pod.command()
@inventory_option
@click.argument("folder", type=click.Path(path_type=Path))
def target(inventory: Path, folder: Path) -> None:
    """Write the files of the Secret kubedrill-target into a new FOLDER.

    Inventory, keys, host keys. Prints no key.
    """
    cluster = Inventory.load(inventory)
    packed = pod_target(cluster)
    packed.write(folder)
    if packed.left_out:
        click.echo(
            f"left out, as a pod has no such program: {', '.join(packed.left_out)}", err=True
        )
    click.echo(
        f"kubectl -n kubedrill-schedule create secret generic kubedrill-target --from-file={folder}"
    )
