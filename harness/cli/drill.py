"""kubedrill list, drill, report."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from harness.cli.options import config_option, inventory_option
from harness.cli.terminal import make_progress, verdict_line
from harness.cluster.inventory import Inventory
from harness.config import Settings, load_settings
from harness.drills import ALL, find_drills
from harness.errors import UsageError
from harness.record import read_run
from harness.report import write_report
from harness.runner import RunResult, run_drills
from harness.runner.guards import require_permission
from harness.verdict import judge


@click.command("list")
def list_drills() -> None:
    """List the drills: what each proves, what it needs, how long it takes."""
    for drill_ in ALL.values():
        click.echo(f"{drill_.name}\n    {drill_.title}")
        click.echo(f"    proves  {drill_.proves}")
        click.echo(f"    needs   {drill_.needs}")
        click.echo(f"    takes   about {_duration(drill_.takes_s)}\n")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME…|all]")
@inventory_option
@config_option
@click.option("--seed", type=click.IntRange(min=0), help="Repeat the random choices of an earlier run.")
@click.pass_context
def drill(
    context: click.Context, names: tuple[str, ...], inventory: Path, config: Path | None, seed: int | None
) -> None:
    """Run drills on the cluster of an inventory, all of them unless some are named, and write the report."""
    find_drills(names)
    settings = load_settings(config)
    cluster = Inventory.load(inventory)
    require_permission(cluster)
    console = Console(stderr=True)
    with make_progress(console) as progress:
        result = run_drills(names, cluster, settings, progress=progress, seed=seed, config_path=config)
    show_result(console, result, inventory)
    click.echo(result.directory / "index.html")
    context.exit(result.verdict.exit_code)


@click.command()
@click.argument("run", default="latest", metavar="[RUN|latest]")
@config_option
@click.pass_context
def report(context: click.Context, run: str, config: Path | None) -> None:
    """Judge the records of a run again and rebuild its report, offline. RUN is a folder, or a name below reports/."""
    directory = find_run(run, load_settings(config))
    records = read_run(directory)
    verdicts = [judge(record) for record in records]
    write_report(directory, records, verdicts)
    console = Console(stderr=True)
    for verdict in verdicts:
        console.print(verdict_line(verdict.verdict, verdict.drill, verdict.reason), soft_wrap=True)
    click.echo(directory / "index.html")
    context.exit(0)


def show_result(console: Console, result: RunResult, inventory: Path) -> None:
    """Tell the verdicts and how to replay the run."""
    for verdict in result.verdicts:
        console.print(verdict_line(verdict.verdict, verdict.drill, verdict.reason), soft_wrap=True)
    for name, reason in result.not_run.items():
        console.print(f"not run      {name}: {reason}", markup=False, soft_wrap=True)
    names = " ".join([*(verdict.drill for verdict in result.verdicts), *result.not_run])
    replay = f"kubedrill drill {names} --inventory {inventory} --seed {result.seed}"
    console.print(f"{result.verdict.value}; to replay: {replay}", markup=False, highlight=False, soft_wrap=True)


def find_run(run: str, settings: Settings) -> Path:
    """Return a run's folder by its path or its name.

    Raises:
        UsageError: there is none; lists the newest runs that are there.
    """
    for directory in (Path(run), settings.reports_dir / run):
        if (directory / "record").is_dir():
            return directory.resolve()
    known = sorted((path.parent.name for path in settings.reports_dir.glob("*/record")), reverse=True)
    found = ", ".join(name for name in known if name != "latest") or "none yet; run: kubedrill drill"
    raise UsageError(
        f"no run {run!r} in {settings.reports_dir}: expected a folder with record/*.jsonl. Runs there: {found}"
    )


def _duration(seconds: int) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds} s"
