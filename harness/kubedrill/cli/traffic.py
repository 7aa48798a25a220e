"""kubedrill app traffic: orders written and read back, and judged."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from kubedrill.cli.options import config_option, inventory_option
from kubedrill.cluster.inventory import Inventory
from kubedrill.config import load_settings
from kubedrill.orders.ledger import checks, judge, summary
from kubedrill.orders.manifests import NODE_PORT
from kubedrill.orders.traffic import Traffic, sustain_traffic
from kubedrill.orders.traffic_process import TrafficPlan
from kubedrill.runner.permission import require_permission

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@inventory_option
@config_option
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=30, show_default=True)
@click.option(
    "--writes",
    type=click.FloatRange(0.1, 1000),
    default=50,
    show_default=True,
    help="A second, open loop.",
)
@click.option(
    "--reads",
    type=click.FloatRange(0, 1000),
    default=10,
    show_default=True,
    help="A second, open loop.",
)
@click.pass_context
def traffic(  # noqa: PLR0913, PLR0917 - one for each option
    context: click.Context,
    inventory: Path,
    config: Path | None,
    seconds: float,
    writes: float,
    reads: float,
) -> None:
    """Write orders, read every one of them back, and judge.

    Lost or duplicated orders are a FAIL.
    """
    settings = load_settings(config)
    cluster = Inventory.load(inventory)
    require_permission(cluster)
    url = f"http://{cluster.endpoint_address}:{NODE_PORT}"
    run = f"t{secrets.token_hex(4)}"
    path = settings.reports_dir / "orders" / f"{run}.jsonl"
    plan = TrafficPlan(url, run, writes_per_s=writes, reads_per_s=reads, seed=secrets.randbits(32))
    with Traffic(plan, path, settings.timeouts) as flow:
        sustain_traffic(seconds, flow.check)
        flow.stop()
        ledger = flow.read_back()
    for line in summary(ledger):
        click.echo(line)
    found = checks(ledger, min_acknowledged=int(0.5 * writes * seconds))
    for check in found:
        mark = {True: "ok", False: "FAIL", None: "not known"}[check.ok]
        click.echo(f"  {mark}: {check.name}: {check.actual}, expected {check.expected}")
    verdict = judge(found)
    click.echo(f"{verdict.value}; ledger: {path}")
    context.exit(verdict.exit_code)
