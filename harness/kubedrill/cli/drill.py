"""kubedrill list, drill, replay, report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click
from rich.console import Console

from kubedrill.base.errors import UsageError
from kubedrill.base.printable import printable
from kubedrill.base.redact import redact, redact_value
from kubedrill.base.results import VerdictKind
from kubedrill.cli.documents import plan_document
from kubedrill.cli.keep_history import remember
from kubedrill.cli.numbers import Number, Whole
from kubedrill.cli.options import (
    CONFIG_PATH,
    complete_drills,
    config_option,
    dry_run_option,
    find_run,
    inventory_option,
    inventory_path_option,
    load_inventory,
    output_option,
    run_argument,
)
from kubedrill.cli.terminal import make_progress, verdict_line
from kubedrill.config import DEFAULT_FILE, Settings
from kubedrill.drills import find_drills
from kubedrill.drills.game_day import GAME_DAY, lasting, require_known
from kubedrill.record import read_run
from kubedrill.report import rebuild_report
from kubedrill.runner.dry_run import plan_run
from kubedrill.runner.permission import require_permission
from kubedrill.runner.replay import Replay, match_game_day, plan_replay
from kubedrill.runner.run import RunResult, new_seed, run_drills

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from kubedrill.base.model import OutageLimit
    from kubedrill.base.results import DrillVerdict
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.runner.dry_run import DrillPlan, DryRun


def _require_drills(
    _context: click.Context, _argument: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse names of no drills, before any file is read."""
    find_drills(names)
    return names


@click.command()
@click.argument(
    "names",
    nargs=-1,
    metavar="[NAME…|all]",
    is_eager=True,
    callback=_require_drills,
    shell_complete=complete_drills,
)
@inventory_path_option
@config_option
@click.option("--seed", type=Whole(), help="Repeat the random choices of an earlier run.")
@click.option(
    "--minutes",
    type=Number(1, 1440),
    help="How long game-day lasts; else game_day.minutes.",
)
@dry_run_option
@output_option
@click.pass_context
def drill(  # noqa: PLR0913, PLR0917 - one for each argument and option
    context: click.Context,
    names: tuple[str, ...],
    inventory: Path,
    settings: Settings,
    seed: int | None,
    minutes: float | None,
    dry_run: bool,
    output: str,
) -> None:
    """Run drills on the cluster of an inventory and write the report.

    Without names the standard ones are run. With -o json verdict.json is printed, or with --dry-run
    the plan: targets, predictions and steps.

    Example: kubedrill drill node-drain failover-vip -i inventories/bare
    """
    drills, config = find_drills(names), context.meta[CONFIG_PATH]
    settings = game_day_settings(settings, [each.name for each in drills], minutes, config)
    cluster = load_inventory(inventory)
    require_permission(cluster)
    if dry_run:
        seed = new_seed() if seed is None else seed
        with Console(stderr=True).status(f"reading {cluster.name} …"):
            plan = without_secrets(plan_run(drills, cluster, settings, seed=seed))
        if output == "json":
            click.echo(plan_document(plan, cluster).text())
        else:
            print_dry_run(plan, cluster)
        context.exit(VerdictKind.ABORTED.exit_code if plan.problems else 0)
    _run(context, names, cluster, settings, seed=seed, output=output)


@click.command()
@run_argument
@inventory_option
@config_option
@output_option
@click.pass_context
def replay(
    context: click.Context, run: str, cluster: Inventory, settings: Settings, output: str
) -> None:
    """Repeat the drills of a run with the same seed and the same targets.

    RUN is a folder, or a name below reports/.

    Example: kubedrill replay latest -i inventories/bare
    """
    directory = find_run(run, settings)
    require_permission(cluster)
    records = read_run(directory)
    again = plan_replay(str(directory), records, cluster, settings)
    settings = match_game_day(settings, records)
    _run(context, (), cluster, settings, again=again, output=output)


def _run(  # noqa: PLR0913 - each is named by the caller
    context: click.Context,
    names: tuple[str, ...],
    cluster: Inventory,
    settings: Settings,
    *,
    seed: int | None = None,
    again: Replay | None = None,
    output: str,
) -> None:
    """Run drills, print their verdicts and end with the run's."""
    console = Console(stderr=True)
    drills = again.drills if again else find_drills(names)
    expected_s = {drill.name: float(drill.duration_s) for drill in drills}
    if GAME_DAY in expected_s:
        expected_s[GAME_DAY] = settings.game_day.minutes * 60
    with make_progress(console, expected_s) as progress:
        result = run_drills(
            names,
            cluster,
            settings,
            progress=progress,
            seed=seed,
            replay=again,
        )
    print_result(console, result, cluster.path)
    remember(console, result.directory, settings)
    if output == "json":
        click.echo((result.directory / "verdict.json").read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(result.directory / "index.html")
    context.exit(result.verdict.exit_code)


@click.command()
@run_argument
@config_option
@click.pass_context
def report(context: click.Context, run: str, settings: Settings) -> None:
    """Judge the records of a run again, rebuild its report, offline, and end with its verdict.

    RUN is a folder, or a name below reports/.

    Example: kubedrill report latest
    """
    directory = find_run(run, settings)
    is_ours = directory.parent == settings.reports_dir.resolve()
    result = rebuild_report(directory, point_latest=is_ours)
    console = Console(stderr=True)
    print_verdicts(console, result.verdicts, result.not_run, result.missing)
    click.echo(directory / "index.html")
    context.exit(result.verdict.exit_code)


def print_verdicts(
    console: Console,
    verdicts: Iterable[DrillVerdict],
    not_run: Mapping[str, str],
    missing: Mapping[str, str],
) -> None:
    """Print a line for each drill that the run was asked for."""
    for verdict in verdicts:
        console.print(verdict_line(verdict.verdict, verdict.drill, verdict.reason), soft_wrap=True)
        for advice in verdict.advice:
            text = (
                f"{advice.short} was short: {advice.evidence}. To decide it: {advice.action}. "
                f"PASS or FAIL: {advice.outcome}."
            )
            console.print(printable(f"{'':13}{text}"), markup=False, soft_wrap=True)
        for note in verdict.notes:
            console.print(printable(f"{'':13}note: {note}"), markup=False, soft_wrap=True)
    for name, reason in not_run.items():
        text = f"not run      {name}: {redact(reason)}"
        console.print(printable(text), markup=False, soft_wrap=True)
    for name, reason in missing.items():
        console.print(verdict_line(VerdictKind.INCONCLUSIVE, name, reason), soft_wrap=True)


def print_result(console: Console, result: RunResult, inventory: Path) -> None:
    """Print the verdicts and how to replay the run."""
    print_verdicts(console, result.verdicts, result.not_run, result.missing)
    again = f"kubedrill replay {result.directory.name} --inventory {inventory}"
    console.print(
        f"{result.verdict.value}; to repeat it: {again}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def game_day_settings(
    settings: Settings, names: list[str], minutes: float | None, config: Path | None
) -> Settings:
    """Return the settings with what the command line says of the game day.

    Raises:
        UsageError: ``--minutes`` without a game day.
        ConfigErrors: the configuration names drills that cannot be rounds of one.
    """
    if GAME_DAY not in names:
        if minutes is not None:
            raise UsageError(
                f"--minutes is about {GAME_DAY}, which is not among the drills; "
                "add it or leave it out"
            )
        return settings
    require_known(settings, str(config or DEFAULT_FILE))
    return settings if minutes is None else lasting(settings, minutes)


def without_secrets(plan: DryRun) -> DryRun:
    """Return the plan with others' words cleaned: problems, reasons, what prepares a drill."""
    plans = [
        replace(
            each,
            unavailable=redact_value(each.unavailable),
            first=redact_value(each.first),
            limits=tuple(
                replace(limit, because=redact_value(limit.because)) for limit in each.limits
            ),
        )
        for each in plan.plans
    ]
    return replace(plan, problems=redact_value(plan.problems), app=redact(plan.app), plans=plans)


def print_dry_run(dry_run: DryRun, cluster: Inventory) -> None:
    """Print the cluster's state and each drill's plan; nothing was touched."""
    click.echo(
        f"{cluster.name} ({cluster.path}), Kubernetes {dry_run.kubernetes}, seed {dry_run.seed}; "
        "nothing is touched"
    )
    click.echo(f"    the application: {dry_run.app}")
    for problem in dry_run.problems:
        click.echo(f"    a run would be ABORTED: {problem}")
    if dry_run.planned_app:
        click.echo(
            "    the app is not deployed; its pods are taken to be spread over "
            + ", ".join(dry_run.planned_app)
        )
    for plan in dry_run.plans:
        click.echo("\n".join(["", *plan_lines(plan)]))


def plan_lines(plan: DrillPlan) -> list[str]:
    """Return one drill's plan, line by line."""
    head = [f"{plan.drill.name}: {plan.drill.title}"]
    if plan.unavailable:
        return [*head, f"    not available: {plan.unavailable}"]
    rows = [("first", text) for text in plan.first]
    rows += [("targets", ", ".join(plan.targets))] if plan.targets else []
    rows += [("limit", _limit(limit)) for limit in plan.limits]
    rows += [(f"step {number}", text) for number, text in enumerate(plan.steps, 1)]
    return [*head, *(f"    {name:<8} {text}" for name, text in rows)]


def _limit(limit: OutageLimit) -> str:
    failed = "" if limit.max_failed is None else f", {limit.max_failed} failed requests allowed"
    why = f": {limit.because[0]}" if limit.because else ""
    source = f" ({limit.source}: {limit.limit_because})" if limit.limit_because else ""
    return (
        f"{limit.probes} out for {limit.allowed_s:g} s at most{source}{failed}; "
        f"predicted {limit.predicted_s:.2f} s{why}"
    )
