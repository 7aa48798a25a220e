"""kubedrill backup: write an encrypted backup of a cluster, and prove one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    directory_mistakes,
    read_recipients,
)
from kubedrill.backup.proof import prove
from kubedrill.base.errors import ConfigErrors
from kubedrill.bundle.cache import Cache
from kubedrill.cli.bundle import interruptible
from kubedrill.cli.lazy import LazyGroup
from kubedrill.cli.options import (
    config_option,
    config_path_option,
    hosts_option,
    inventory_path_option,
    load_inventory,
    load_settings,
    to_option,
)
from kubedrill.cli.paths import PathName
from kubedrill.cluster.playbooks import run_playbook

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.config import Settings

PLAYBOOK = "backup.yml"


@click.group(cls=LazyGroup, invoke_without_command=True)
@inventory_path_option
@config_path_option
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Public key of age or SSH; default: backup_recipients of the inventory. May be repeated.",
)
@to_option("backup_directory of the inventory", is_folder=True)
@click.pass_context
def backup(
    context: click.Context,
    *,
    inventory: Path,
    config: Path | None,
    recipients: tuple[str, ...],
    to: Path | None,
) -> None:
    """Write an encrypted backup of a cluster to this machine: playbooks/backup.yml.

    It holds etcd, keys and certificates, and kubeadm's configuration. The cluster serves meanwhile.

    Example: kubedrill backup --inventory inventories/local
    """
    if context.invoked_subcommand is not None:
        return
    extra: dict[str, Any] = {}
    mistakes: list[str] = []
    if recipients:
        extra["backup_recipients"] = list(recipients)
        mistakes += read_recipients(list(recipients))[1]
    if to is not None:
        extra["backup_directory"] = str(to.absolute())
        mistakes += directory_mistakes(to.absolute())
    if mistakes:
        raise ConfigErrors("the command line", mistakes)
    settings = load_settings(config)
    cluster = load_inventory(inventory)
    console = Console(stderr=True)

    def on_event(event: TaskEvent) -> None:
        if event.kind == "task" and event.role in ("backup", "etcd_snapshot"):
            console.print(event.task, highlight=False, markup=False)

    with tempfile.TemporaryDirectory(prefix="kubedrill-backup-") as folder:
        report = Path(folder) / "report.json"
        extra["backup_report"] = str(report)
        timeout_s = settings.timeouts.playbook
        run_playbook(cluster, PLAYBOOK, extra, on_event=on_event, timeout_s=timeout_s)
        written = json.loads(report.read_text(encoding="utf-8"))
    for path in written["removed"]:
        click.echo(f"removed: {path}")
    click.echo(
        f"{written['path']}: {written['keys']} keys, {written['bytes']} bytes, not proven yet"
    )
    click.echo(
        f"to prove it: kubedrill backup verify {written['path']} --identity KEYFILE", err=True
    )


@backup.command()
@click.argument("file", type=PathName(exists=True, dir_okay=False))
@click.option(
    "--identity",
    required=True,
    type=PathName(exists=True, dir_okay=False),
    help="File with the private key, of age or SSH.",
)
@hosts_option
@config_option
@click.pass_context
def verify(
    context: click.Context,
    *,
    file: Path,
    identity: Path,
    cluster: Inventory | None,
    settings: Settings,
) -> None:
    """Prove a backup: decrypt it, and restore it into an etcd that nobody uses.

    Compares every part's sha256, and the keys of each kind that etcd then serves, with the backup's
    manifest. Where they agree, a proof is written beside the backup. With an inventory, the backup
    has to be of that cluster.

    Example: kubedrill backup verify lab.tar.gz.age --identity backup.key
    """
    console = Console(stderr=True)
    bundles = (cluster.bundles if cluster else None) or Cache().bundles
    with interruptible():
        proof = prove(
            file,
            identity,
            bundles,
            lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
            cluster=cluster.name if cluster else "",
            seconds=settings.timeouts.etcd_healthy,
        )
    for line in proof.differences:
        click.echo(line)
    keys = sum(proof.kinds.values())
    taken, release = proof.manifest["taken"], proof.manifest["kubernetes"]
    result = f"{len(proof.differences)} kinds differ" if proof.differences else "proven"
    click.echo(
        f"{file}: {result}: {keys} keys of {len(proof.kinds)} kinds, taken at {taken} of "
        f"Kubernetes {release}"
    )
    context.exit(1 if proof.differences else 0)
