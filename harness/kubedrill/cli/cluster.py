"""kubedrill up, down and heal: a cluster from nothing to usable, back to health, and away again.

kubedrill pod: what one cluster needs to run kubedrill and drill another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
from rich.console import Console

from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.base.redact import redact
from kubedrill.bundle.build import build_bundles
from kubedrill.bundle.own_image import own_bundle, own_reference
from kubedrill.bundle.releases import STANDARD
from kubedrill.cli.bundle import interruptible
from kubedrill.cli.exit_codes import STOPPED
from kubedrill.cli.lazy import LazyGroup
from kubedrill.cli.options import (
    config_option,
    connect,
    dry_run_option,
    inventory_option,
    source_option,
)
from kubedrill.cli.paths import PathName
from kubedrill.cli.terminal import make_build_progress, make_progress
from kubedrill.cluster.playbooks import TaskEvent, run_playbook
from kubedrill.cluster.pod_target import pod_target
from kubedrill.cluster.vagrant import VagrantCluster, made_by_vagrant
from kubedrill.core.upgrades import parse_version
from kubedrill.local.doctor import require_essentials
from kubedrill.runner.heal import heal as heal_cluster
from kubedrill.runner.permission import require_permission

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubedrill.cli.terminal import Lines, Panel
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

SITE = "site.yml"

_EXPECTED_S = {"nodes": 60.0, "install": 120.0}
"""About how long each takes on two processors (README.md)."""

_OF_A_NODE = re.compile(r"==> ([\w.-]+): (.*)")
"""What Vagrant begins on a node; its other lines are details, and are in the error where it
fails."""
_ROUTINE = (
    "Creating and configuring",
    "Enabling network",
    "Fixed port collision",
    "Machine not provisioned",
    "Running action triggers",
    "Running trigger",
)
_ARGUMENTS = "Validating arguments against arg spec"
"""Ansible's own task at the begin of each role, which says nothing of the cluster."""


@click.command()
@inventory_option
@config_option
@click.option("--provider", help="docker, libvirt or virtualbox; default: what fits this host.")
@source_option
@click.option(
    "--upgrade-to",
    multiple=True,
    metavar="VERSION",
    help="Release to upgrade to, such as 1.36.3; its bundle is built too. May be repeated.",
)
@click.option(
    "--renew",
    is_flag=True,
    help="Make nodes of Vagrant anew where an upgrade drill left a newer version on them.",
)
def up(  # noqa: PLR0913 - one for each option
    *,
    cluster: Inventory,
    settings: Settings,
    provider: str | None,
    source: str,
    upgrade_to: tuple[str, ...],
    renew: bool,
) -> None:
    """Bring up the nodes of an inventory and install the cluster on them.

    Safe to repeat and to interrupt.

    Example: kubedrill up --inventory inventories/local
    """
    is_local = made_by_vagrant(cluster)
    require_essentials(local_nodes=is_local, provider=provider if is_local else None)
    console = Console(stderr=True)
    with make_build_progress(console) as building:
        later = upgrade_to or (STANDARD if is_local else ())
        build_bundles(list(dict.fromkeys([cluster.kubernetes_version, *later])), source, building)
    with make_progress(console, _EXPECTED_S) as progress:
        if is_local:
            _nodes(cluster, provider, progress)
        newer = newer_version(cluster, settings)
        if newer and is_local and renew:
            progress.note(
                cluster.name,
                f"runs {newer} already: its nodes are made anew for {cluster.kubernetes_version}",
            )
            VagrantCluster(cluster.path, cluster.name).destroy()
            _nodes(cluster, provider, progress)
        elif newer:
            progress.note(
                cluster.name,
                f"runs {newer} already, the inventory asks for {cluster.kubernetes_version}",
            )
            click.echo(
                f"{cluster.name} is up at {cluster.api_url}, as its upgrade left it; "
                "to begin anew: kubedrill down"
            )
            return
        progress.drill("install", f"Kubernetes {cluster.kubernetes_version}", 2, 2)
        result = run_playbook(
            cluster, SITE, on_event=_on_event(progress), timeout_s=settings.timeouts.playbook
        )
    click.echo(
        f"{cluster.name} is up at {cluster.api_url} ({result.changed} tasks changed something)"
    )


def _nodes(cluster: Inventory, provider: str | None, progress: Lines | Panel) -> None:
    progress.drill("nodes", f"those of {cluster.path}", 1, 2)

    def report(line: str) -> None:
        match = _OF_A_NODE.match(line)
        if match and not match[2].startswith(_ROUTINE):
            progress.step(match[1], match[2])

    VagrantCluster(cluster.path, cluster.name).up(report, provider=provider)


@click.command()
@inventory_option
def down(cluster: Inventory) -> None:
    """Remove the nodes that `up` made with Vagrant, disks included.

    Machines that Vagrant did not make are never touched.

    Example: kubedrill down --inventory inventories/local
    """
    if not made_by_vagrant(cluster):
        raise UsageError(
            f"{cluster.path} describes machines that Vagrant did not make; they stay. "
            "To take Kubernetes off them, run: "
            f"ansible-playbook -i {cluster.path} kubedrill.kubeadm.reset"
        )
    VagrantCluster(cluster.path, cluster.name).destroy()
    click.echo(f"{cluster.name}: nodes removed")


def newer_version(cluster: Inventory, settings: Settings) -> str | None:
    """Return the running cluster's version where it is newer than the inventory's.

    An upgrade drill was here.
    """
    try:
        with connect(cluster, settings) as api:
            live = api.version.get_code().git_version
    except KubedrillError:
        return None  # nothing answers: there is something to install
    return live if parse_version(live) > parse_version(cluster.kubernetes_version) else None


def _on_event(progress: Lines | Panel) -> Callable[[TaskEvent], None]:
    def report(event: TaskEvent) -> None:
        if event.kind == "task" and not event.task.startswith(_ARGUMENTS):
            progress.step(event.role or "play", event.task)
        elif event.kind in ("failed", "unreachable"):
            progress.note(
                event.host, f"{event.kind}: {event.data.get('message', 'hidden (no_log)')}"
            )

    return report


@click.command()
@inventory_option
@config_option
@dry_run_option
@click.pass_context
def heal(context: click.Context, cluster: Inventory, settings: Settings, dry_run: bool) -> None:
    """Put back what faults left on a cluster.

    Power, firewall, services, manifests, files, cordons, namespaces.

    Ends with 0 when nothing is left, with 1 when something is, with 4 when nodes could not be
    looked at.

    Example: kubedrill heal --inventory inventories/bare --dry-run
    """
    if not dry_run:
        require_permission(cluster)
    with make_progress(Console(stderr=True)) as progress:
        progress.step(cluster.name, "looking for what faults left")
        result = heal_cluster(
            cluster, settings, lambda line: progress.step(cluster.name, line), dry_run=dry_run
        )
    repaired = [item for item in result.detected if item not in result.left]
    for item in repaired:
        click.echo(f"repaired: {item}")
    for item in result.left:
        why = result.failed.get(item)
        click.echo(redact(f"left: {item}" + (f" ({why})" if why else "")))
    click.echo(
        f"{cluster.name}: {len(result.detected)} found, {len(repaired)} repaired, "
        f"{len(result.left)} left"
    )
    context.exit(STOPPED if result.is_unknown else 1 if result.left else 0)


IMAGE_PLAYBOOK = "kubedrill_image.yml"


@click.group(cls=LazyGroup)
def pod() -> None:
    """Run kubedrill in a cluster's pods, to drill another cluster (docs/how-to/schedule.md)."""


@pod.command()
@inventory_option
@config_option
def image(cluster: Inventory, settings: Settings) -> None:
    """Build kubedrill's image and import it on every node of the cluster that is to run it.

    Safe to repeat.

    Example: kubedrill pod image --inventory inventories/tools
    """
    with interruptible(), make_build_progress(Console(stderr=True)) as building:
        own_bundle(building)
    imported = run_playbook(cluster, IMAGE_PLAYBOOK, timeout_s=settings.timeouts.playbook).changed
    where = f"{imported} nodes got it" if imported else "every node has it"
    click.echo(f"{cluster.name}: {own_reference()}: {where}")


@pod.command()
@inventory_option
@click.argument("folder", type=PathName())
def target(cluster: Inventory, folder: Path) -> None:
    """Write the files of the Secret kubedrill-target into a new FOLDER.

    Inventory, keys, host keys. Prints no key.

    Example: kubedrill pod target --inventory inventories/bare target
    """
    packed = pod_target(cluster)
    packed.write(folder)
    if packed.left_out:
        click.echo(
            f"left out, as a pod has no such program: {', '.join(packed.left_out)}", err=True
        )
    click.echo(
        f"kubectl -n kubedrill-schedule create secret generic kubedrill-target --from-file={folder}"
    )
