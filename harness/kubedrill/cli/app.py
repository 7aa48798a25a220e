"""kubedrill app: the order service on a cluster: deploy, status, rotate, remove.

Traffic and load on it: beside.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console

from kubedrill.base.redact import redact
from kubedrill.bundle.orders import orders_bundle
from kubedrill.cli.lazy import LazyGroup
from kubedrill.cli.options import config_option, connect, inventory_option, old_option
from kubedrill.cli.terminal import make_build_progress
from kubedrill.orders.certificates import Certificates
from kubedrill.orders.manifests import HTTPS_NODE_PORT, NODE_PORT, VERSIONS
from kubedrill.orders.pki import expires
from kubedrill.orders.rotation import Rotation
from kubedrill.orders.service import OrderService, import_images
from kubedrill.runner.permission import require_permission

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

ROTATED = ("config", "certificate", "passwords")
"""What can be rotated, in the order in which it is."""


@click.group(cls=LazyGroup, modules={"load": "kubedrill.cli.load", "traffic": "kubedrill.cli.load"})
def app() -> None:
    """The order service: queue, database, cache, workers and web, all highly available.

    See docs/how-to/order-service.md.
    """


@app.command()
@inventory_option
@config_option
@click.option(
    "--app-version",
    type=click.Choice(VERSIONS),
    default=VERSIONS[0],
    show_default=True,
    help="Of the order service.",
)
@old_option("--version", "--app-version")
def deploy(cluster: Inventory, settings: Settings, app_version: str) -> None:
    """Bring the order service to a version, its images included.

    Safe to repeat and to interrupt.

    Example: kubedrill app deploy --app-version v2
    """
    require_permission(cluster)
    console, began = Console(stderr=True), time.monotonic()

    def report(line: str) -> None:
        console.print(
            f"{time.monotonic() - began:6.1f} s  {line}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    with make_build_progress(console) as building:
        orders_bundle(building)
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        connection = pool.submit(stack.enter_context, connect(cluster, settings))
        imported = import_images(cluster, settings)
        report(f"images: {imported} nodes got some" if imported else "images: every node has them")
        OrderService(connection.result(), settings, report).deploy(app_version)
        report(f"{app_version} is complete")
    click.echo(
        f"{cluster.name}: order service {app_version} at http://{cluster.endpoint_address}:{NODE_PORT}/orders"
    )
    click.echo(
        f"{cluster.name}: its ingress at https://{cluster.endpoint_address}:{HTTPS_NODE_PORT}/orders"
    )


@app.command()
@inventory_option
@config_option
@click.pass_context
def status(context: click.Context, cluster: Inventory, settings: Settings) -> None:
    """Show what is deployed; ends with 0 when it is complete, with 1 when it is not.

    Example: kubedrill app status
    """
    with connect(cluster, settings) as api:
        state = OrderService(api, settings).status()
        certificate = Certificates(api).serving() if state else ""
    if state is None:
        click.echo(f"{cluster.name}: the order service is not deployed")
        context.exit(1)
    click.echo(f"{cluster.name}: order service {state.version}, {state.volumes} volumes")
    for part in state.components:
        problem = redact(f"; {part.problem}") if part.problem else ""
        click.echo(f"  {part.name:9} {part.ready}/{part.replicas} ready{problem}")
        for pod, node in sorted(part.nodes.items()):
            click.echo(
                f"    {pod} on {node or 'no node'}{' (primary)' if pod == state.primary else ''}"
            )
    if certificate:
        click.echo(
            f"  the ingress's certificate is valid until {expires(certificate):%Y-%m-%d %H:%M} UTC"
        )
    context.exit(1 if state.problem else 0)


@app.command()
@inventory_option
@config_option
@click.option(
    "--what",
    type=click.Choice(ROTATED),
    multiple=True,
    default=ROTATED,
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--greeting",
    default="",
    help="The ConfigMap's new greeting. [default: one with the time of day]",
)
def rotate(cluster: Inventory, settings: Settings, what: tuple[str, ...], greeting: str) -> None:
    """Rotate the order service's configuration and credentials while it serves.

    One that was killed is finished.

    Example: kubedrill app rotate --what passwords
    """
    require_permission(cluster)
    console = Console(stderr=True)
    with connect(cluster, settings) as api:
        rotation = Rotation(api, settings, console.print)
        if "config" in what:
            text = (
                greeting or f"Hello from the order service, as of {datetime.now(UTC):%H:%M:%S} UTC"
            )
            rotation.greeting(text)
            click.echo(f"{cluster.name}: every web pod greets with {text!r}")
        if "certificate" in what:
            click.echo(
                f"{cluster.name}: certificate {rotation.certificate():x} is served at every address"
            )
        if "passwords" in what:
            click.echo(
                f"{cluster.name}: login {rotation.logins()} is in use, the other one is worthless"
            )


@app.command()
@inventory_option
@config_option
@click.option(
    "--keep-volumes", is_flag=True, help="Leave the data and its passwords, for a later deploy."
)
def remove(cluster: Inventory, settings: Settings, keep_volumes: bool) -> None:
    """Remove the order service, volumes included. Safe to repeat.

    Example: kubedrill app remove --keep-volumes
    """
    require_permission(cluster)
    with connect(cluster, settings) as api:
        OrderService(api, settings).remove(keep_volumes=keep_volumes)
    click.echo(
        f"{cluster.name}: the order service is gone{', its volumes stay' if keep_volumes else ''}"
    )
