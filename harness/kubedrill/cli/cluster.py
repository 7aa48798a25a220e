"""kubedrill up and down: the local cluster, from nothing to usable and away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.bundle.build import build_bundles
from kubedrill.bundle.cli import shown_progress
from kubedrill.bundle.releases import STANDARD
from kubedrill.cli.options import config_option, inventory_option
from kubedrill.cli.terminal import make_progress
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.playbooks import TaskEvent, run_playbook
from kubedrill.cluster.vagrant import VagrantCluster, made_by_vagrant
from kubedrill.config import load_settings
from kubedrill.drills.cluster_upgrade import parse_version
from kubedrill.local.doctor import require_essentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubedrill.cli.terminal import Lines, Panel
    from kubedrill.config import Settings

SITE = "site.yml"


@click.command()
@inventory_option
@config_option
@click.option("--provider", help="docker, libvirt or virtualbox; default: what fits this host.")
@click.option(
    "--source",
    type=click.Choice(["auto", "modules", "upstream"]),
    default="auto",
    show_default=True,
)
@click.option(
    "--upgrade-to",
    multiple=True,
    metavar="VERSION",
    help="Build this release's bundle too. Can be repeated.",
)
@click.option(
    "--renew",
    is_flag=True,
    help="Make nodes of Vagrant anew where an upgrade drill left a newer version on them.",
)
def up(  # noqa: PLR0913 - one for each option
    *,
    inventory: Path,
    config: Path | None,
    provider: str | None,
    source: str,
    upgrade_to: tuple[str, ...],
    renew: bool,
) -> None:
    """Bring up the nodes of an inventory and install the cluster on them.

    Safe to repeat and to interrupt.
    """
    settings = load_settings(config)
    cluster = Inventory.load(inventory)
    own = made_by_vagrant(cluster)
    require_essentials(local_nodes=own, provider=provider if own else None)
    console = Console(stderr=True)
    with shown_progress(console) as building:
        later = upgrade_to or (STANDARD if own else ())
        build_bundles(list(dict.fromkeys([cluster.kubernetes_version, *later])), source, building)
    with make_progress(console) as progress:
        if own:
            _nodes(inventory, cluster, provider, progress)
        newer = newer_version(cluster, settings)
        if newer and own and renew:
            progress.note(
                cluster.name,
                f"runs {newer} already: its nodes are made anew for {cluster.kubernetes_version}",
            )
            VagrantCluster(inventory, cluster.name).destroy()
            _nodes(inventory, cluster, provider, progress)
        elif newer:
            progress.note(
                cluster.name,
                f"runs {newer} already, the inventory asks for {cluster.kubernetes_version}",
            )
            click.echo(
                f"{cluster.name} is up at {cluster.api_url}, as its upgrade left it; to begin anew: kubedrill down"
            )
            return
        progress.drill("up", f"install Kubernetes {cluster.kubernetes_version}", 2, 2)
        result = run_playbook(
            cluster, SITE, on_event=_teller(progress), timeout_s=settings.timeouts.playbook
        )
    click.echo(
        f"{cluster.name} is up at {cluster.api_url} ({result.changed} tasks changed something)"
    )


def _nodes(
    inventory: Path, cluster: Inventory, provider: str | None, progress: Lines | Panel
) -> None:
    progress.drill("up", f"nodes of {inventory}", 1, 2)
    VagrantCluster(inventory, cluster.name).up(
        lambda line: progress.step("vagrant", line), provider=provider
    )


@click.command()
@inventory_option
def down(inventory: Path) -> None:
    """Remove the nodes that `up` made with Vagrant, disks included.

    Machines of one's own are never touched.
    """
    cluster = Inventory.load(inventory)
    if not made_by_vagrant(cluster):
        raise UsageError(
            f"{inventory} describes machines that Vagrant did not make; they stay. To take Kubernetes off them, run: "
            f"ansible-playbook -i {inventory} playbooks/reset.yml"
        )
    VagrantCluster(inventory, cluster.name).destroy()
    click.echo(f"{cluster.name}: nodes removed")


def newer_version(cluster: Inventory, settings: Settings) -> str | None:
    """Return the running cluster's version where it is newer than the inventory's.

    An upgrade drill was here.
    """
    try:
        with Hosts(cluster, settings) as hosts, ClusterApi.connect(cluster, hosts, settings) as api:
            live = api.version.get_code().git_version
    except KubedrillError:
        return None  # nothing answers: there is something to install
    return live if parse_version(live) > parse_version(cluster.kubernetes_version) else None


def _teller(progress: Lines | Panel) -> Callable[[TaskEvent], None]:
    def tell(event: TaskEvent) -> None:
        if event.kind == "task":
            progress.step(event.role or "play", event.task)
        elif event.kind in ("failed", "unreachable"):
            progress.note(
                event.host, f"{event.kind}: {event.data.get('message', 'hidden (no_log)')}"
            )

    return tell
