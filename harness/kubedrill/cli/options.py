"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_INVENTORY = Path("inventories/local")

inventory_option = click.option(
    "--inventory",
    "-i",
    type=click.Path(path_type=Path),
    default=DEFAULT_INVENTORY,
    show_default=True,
    help="Ansible inventory of the cluster.",
)

config_option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    help="Configuration; default: kubedrill.yml where there is one.",
)
