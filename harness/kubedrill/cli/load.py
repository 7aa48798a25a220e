"""kubedrill app load and traffic: orders written, read back and judged.

A load test raises their rate in steps, finds the knee and the autoscaler's reaction.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import click

from kubedrill.base.errors import Unsafe, UsageError
from kubedrill.base.files import make_private_folder, replace_file
from kubedrill.base.redact import redact_value
from kubedrill.cli.numbers import Number
from kubedrill.cli.options import config_option, connect, inventory_option, seconds_option
from kubedrill.load.autoscaler_watch import AutoscalerWatch
from kubedrill.load.result import result, table, write_result
from kubedrill.load.run import LoadRequest, LoadTest
from kubedrill.load.steps import Objective, parse_rates, require_enough
from kubedrill.orders.ledger import checks, judge, summary
from kubedrill.orders.manifests import NODE_PORT
from kubedrill.orders.service import OrderService
from kubedrill.orders.traffic import Traffic, sustain_traffic
from kubedrill.orders.traffic_process import TrafficPlan
from kubedrill.report.load_page import load_page_html
from kubedrill.runner.permission import require_permission
from kubedrill.runner.signals import stop_on_signals

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings


@click.command()
@inventory_option
@config_option
@click.option(
    "--rates",
    default="25,50,100,150,200",
    show_default=True,
    callback=lambda _context, _option, text: tuple(parse_rates(text)),
    help="Writes a second, one step each.",
)
@seconds_option(3600)
@click.option(
    "--objective",
    default="99.9:250:50",
    show_default=True,
    callback=lambda _context, _option, text: Objective.parse(text),
    help="PERCENT:MILLISECONDS:RATE.",
)
@click.option(
    "--saturate",
    is_flag=True,
    help="Go on beyond the rates, by a half more each time, until one fails.",
)
@click.option(
    "--scale-down/--no-scale-down",
    default=True,
    show_default=True,
    help="Wait for it after the load.",
)
@click.pass_context
def load(  # noqa: PLR0913, PLR0917 - one for each option
    context: click.Context,
    cluster: Inventory,
    settings: Settings,
    rates: tuple[float, ...],
    seconds: float,
    objective: Objective,
    saturate: bool,
    scale_down: bool,
) -> None:
    """Raise the load in steps, find the knee, and judge an objective.

    Every order is read back as well.

    Example: kubedrill app load --rates 50,100,200 --objective 99.9:250:100
    """
    require_enough(objective, seconds, settings.probes.min_samples)
    require_permission(cluster)
    run = f"l{secrets.token_hex(4)}"
    folder = settings.reports_dir / "orders" / run
    request = LoadRequest(
        f"http://{cluster.endpoint_address}:{NODE_PORT}",
        rates,
        seconds,
        objective,
        saturate,
        scale_down,
    )
    with stop_on_signals(), connect(cluster, settings) as api:
        _refuse(OrderService(api, settings))
        make_private_folder(folder)
        watch = AutoscalerWatch(api, OrderService.namespace)
        test = LoadTest(
            run, request, settings, folder, watch, lambda step: click.echo(table([step])[1])
        )
        click.echo(table([])[0])
        test.execute()
    outcome = redact_value(result(test, cluster.name))
    write_result(folder, test, outcome)
    replace_file(folder / "index.html", load_page_html(outcome))
    _print_outcome(outcome)
    click.echo(f"{outcome['verdict']}; report: {folder / 'index.html'}")
    context.exit(outcome["exit_code"])


def _refuse(service: OrderService) -> None:
    """Load on what is not there or not whole measures nothing."""
    status = service.status()
    if status is None:
        raise UsageError("the order service is not deployed: kubedrill app deploy")
    if status.problem:
        raise Unsafe(
            f"the order service is not complete: {status.problem}; repair it, then try again"
        )


def _print_outcome(outcome: dict[str, Any]) -> None:
    if outcome["knee"]:
        click.echo(f"knee: {outcome['knee']['text']}")
    for scaler in outcome["autoscalers"]:
        click.echo(f"autoscaler {scaler['name']}:")
        for text in scaler["said"]:
            click.echo(f"  {text}")
    if not outcome["autoscalers"]:
        click.echo("no autoscaler was found")
    for check in outcome["checks"]:
        _print_check(check["ok"], check["name"], check["found"], check["expected"])


def _print_check(ok: bool | None, name: str, actual: str, expected: str) -> None:
    mark = {True: "ok", False: "FAIL", None: "not known"}[ok]
    click.echo(f"  {mark}: {name}: {actual}, expected {expected}")


@click.command()
@inventory_option
@config_option
@seconds_option(86_400)
@click.option(
    "--writes",
    type=Number(0.1, 1000),
    default=50,
    show_default=True,
    help="A second, open loop.",
)
@click.option(
    "--reads",
    type=Number(0, 1000),
    default=10,
    show_default=True,
    help="A second, open loop.",
)
@click.pass_context
def traffic(  # noqa: PLR0913, PLR0917 - one for each option
    context: click.Context,
    cluster: Inventory,
    settings: Settings,
    seconds: float,
    writes: float,
    reads: float,
) -> None:
    """Write orders, read every one of them back, and judge.

    Lost or duplicated orders are a FAIL.

    Example: kubedrill app traffic --seconds 60 --writes 100
    """
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
    results = checks(ledger, min_acknowledged=int(0.5 * writes * seconds))
    for check in results:
        _print_check(check.ok, check.name, check.actual, check.expected)
    verdict = judge(results)
    click.echo(f"{verdict.value}; ledger: {path}")
    context.exit(verdict.exit_code)
