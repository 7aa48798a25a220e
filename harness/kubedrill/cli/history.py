"""kubedrill history: add, list, export, import, prune, trends, predictions."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from kubedrill.base.errors import ConfigErrors, StepFailed, UsageError
from kubedrill.cli.history_tables import print_predictions, print_runs, print_trends
from kubedrill.cli.lazy import LazyGroup
from kubedrill.cli.numbers import Number, Whole
from kubedrill.cli.options import (
    complete_drills,
    config_option,
    database_option,
    dry_run_option,
    find_run,
    open_history,
    output_option,
    replace_option,
    run_argument,
)
from kubedrill.cli.paths import PathName

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from kubedrill.base.document import RunDocument
    from kubedrill.config import Settings
    from kubedrill.history.store import History

# What needs SQLAlchemy is imported where it is used: it takes 0.3 s, which other commands need not
# pay.


class _Place(NamedTuple):
    """What the commands of the group work on."""

    settings: Settings
    open: Callable[..., AbstractContextManager[History]]


_drills_option = click.option(
    "--drill",
    "drills",
    multiple=True,
    shell_complete=complete_drills,
    help="Only this drill; may be repeated.",
)


@click.group("history", cls=LazyGroup)
@config_option
@database_option
@click.pass_context
def history(context: click.Context, settings: Settings, database: str | None) -> None:
    """Keep verdicts over nights, and find out what changed."""
    context.obj = _Place(settings, partial(open_history, settings, database))


@history.command()
@run_argument
@replace_option
@click.option("--topology", help="Such as 3+2; for records that do not say it.")
@click.option("--network", help="Pod network; for records that do not say it.")
@click.option("--host", help="Name of the harness host; for records that do not say it.")
@click.option("--app", help="Application; for records that do not say it.")
@click.pass_obj
def add(place: _Place, /, run: str, *, replace: bool, **labels: str | None) -> None:
    """Add a run that ended: a folder, or a name below reports/. Adding twice changes nothing.

    Example: kubedrill history add latest --host rack-7
    """
    from kubedrill.history.read import read_document  # noqa: PLC0415 - see above

    directory = find_run(run, place.settings)
    empty = [
        f"--{name}" for name, label in labels.items() if label is not None and not label.strip()
    ]
    if empty:
        raise UsageError(f"{', '.join(empty)}: found nothing, expected a name")
    document = read_document(directory).relabelled(
        {name: label for name, label in labels.items() if label is not None}
    )
    with place.open(create=True) as database:
        [outcome] = database.add([document], replace=replace)
        click.echo(f"{document.run} {outcome.value}: {database.where}")


@history.command("list")
@click.option(
    "--last",
    type=Whole(1),
    default=20,
    show_default=True,
    help="So many of the newest runs.",
)
@output_option
@click.pass_obj
def list_runs(place: _Place, /, last: int, output: str) -> None:
    """List the newest runs and what their drills came to.

    Example: kubedrill history list --last 5
    """
    with place.open() as database:
        runs = database.runs()
    if output == "json":
        from kubedrill.history.report import RunList  # noqa: PLC0415 - see above

        click.echo(RunList(total=len(runs), runs=tuple(runs[-last:])).text())
        return
    print_runs(runs, last)


@history.command()
@click.argument("file", type=PathName(dir_okay=False, allow_dash=True))
@click.pass_obj
def export(place: _Place, /, file: Path) -> None:
    """Write all runs to FILE as JSON lines, one run a line. "-" is standard output.

    Example: kubedrill history export runs.jsonl
    """
    from kubedrill.history.lines import dump, write_lines  # noqa: PLC0415 - see above

    with place.open() as database:
        runs = database.runs()
    if str(file) == "-":
        for line in dump(runs):
            click.echo(line, nl=False)
        click.echo(f"{len(runs)} runs written to standard output", err=True)
    else:
        write_lines(runs, file)
        click.echo(f"{len(runs)} runs written to {file}")


@history.command("import")
@click.argument("file", type=PathName(dir_okay=False, allow_dash=True))
@replace_option
@click.pass_obj
def import_(place: _Place, /, file: Path, *, replace: bool) -> None:
    """Add the runs of FILE. Runs that are there already are left as they are.

    "-" is standard input. Lines that are no runs, or that contradict themselves, are left out and
    listed: then it ends with 1. The others are added, all or none.

    Example: kubedrill history import runs.jsonl
    """
    from kubedrill.history.lines import read_lines  # noqa: PLC0415 - see above

    documents, mistakes = read_lines(file)
    with place.open(create=True) as database:
        outcomes = [outcome.value for outcome in database.add(documents, replace=replace)]
    counts = ", ".join(f"{outcomes.count(each)} {each}" for each in dict.fromkeys(outcomes))
    click.echo(f"{len(documents)} runs read: {counts or 'nothing to do'}")
    if mistakes:
        raise StepFailed(f"not all was taken: {ConfigErrors(str(file), mistakes)}")


@history.command()
@click.option(
    "--keep-records",
    type=Whole(),
    required=True,
    metavar="N",
    help="The newest N keep theirs.",
)
@dry_run_option
@click.pass_obj
def prune(place: _Place, /, keep_records: int, *, dry_run: bool) -> None:
    """Remove the records of old runs whose verdicts are in the history.

    Verdicts and reports are always kept.

    Example: kubedrill history prune --keep-records 30 --dry-run
    """
    from kubedrill.history.prune import decide, finish_cut_removals, remove  # noqa: PLC0415 - see above

    reports = place.settings.reports_dir
    with place.open() as database:
        known = {document.run: document for document in database.runs()}
    decisions = decide(reports, known, keep_records)
    if not dry_run:
        finish_cut_removals(reports)
    for decision in decisions:
        if decision.removed and not dry_run:
            remove(decision)
        what = (
            f"kept: {decision.why}"
            if decision.why
            else "would be removed"
            if dry_run
            else "removed"
        )
        click.echo(f"{decision.directory.name}/record  {decision.size / 1e6:.1f} MB  {what}")
    gone = [decision for decision in decisions if decision.removed]
    freed = sum(decision.size for decision in gone) / 1e6
    click.echo(
        f"{len(gone)} of {len(decisions)} records ({freed:.1f} MB) "
        f"{'would be removed' if dry_run else 'removed'}"
    )


history.add_command(
    click.Command(
        "thin", params=prune.params, callback=prune.callback, hidden=True, deprecated=True
    )
)


@history.command()
@_drills_option
@click.option(
    "--recent",
    "recents",
    type=Whole(2),
    multiple=True,
    default=(3, 5, 10),
    show_default=True,
    help="So many last nights are compared with those before; may be repeated.",
)
@click.option(
    "--before",
    type=Whole(2),
    default=10,
    show_default=True,
    help="Fewest nights before them.",
)
@click.option(
    "--window",
    type=Whole(2),
    default=60,
    show_default=True,
    help="Most nights before them.",
)
@click.option(
    "--alarm-rate",
    type=Number(0, 0.5, min_open=True),
    default=0.01,
    show_default=True,
    help="Chance at most that a look flags anything where nothing changed.",
)
@output_option
@click.pass_context
def trends(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    drills: tuple[str, ...],
    recents: tuple[int, ...],
    before: int,
    window: int,
    alarm_rate: float,
    output: str,
) -> None:
    """Show for each drill and outage limit: median and worst of n, and what changed.

    Ends with 1 when something got worse.

    Example: kubedrill history trends --drill node-drain
    """
    from kubedrill.history.report import trends_document  # noqa: PLC0415 - see above
    from kubedrill.history.trends import Rules, find_trends  # noqa: PLC0415 - see above

    if before > window:
        raise UsageError(
            f"--before {before} is more than --window {window}; expected at most as many"
        )
    with context.obj.open() as database:
        runs = _only(database.runs(), drills)
    rules = Rules(tuple(sorted(set(recents))), before, window, alarm_rate)
    result = find_trends(runs, rules, datetime.now(UTC))
    if output == "json":
        click.echo(trends_document(result).text())
    else:
        print_trends(result)
    context.exit(1 if result.worse else 0)


@history.command()
@_drills_option
@output_option
@click.pass_obj
def predictions(place: _Place, /, drills: tuple[str, ...], output: str) -> None:
    """Show for each drill and topology how often the measured stayed within the prediction.

    Example: kubedrill history predictions --drill failover-worker
    """
    from kubedrill.history.predictions import calibrate  # noqa: PLC0415 - see above
    from kubedrill.history.report import predictions_document  # noqa: PLC0415 - see above

    with place.open() as database:
        calibrations = calibrate(_only(database.runs(), drills))
    if output == "json":
        click.echo(predictions_document(calibrations).text())
    else:
        print_predictions(calibrations)


def _only(runs: list[RunDocument], drills: tuple[str, ...]) -> list[RunDocument]:
    """The runs with some of their drills; all of them where none is named."""
    names = {drill.name for run in runs for drill in run.drills}
    if unknown := sorted(set(drills) - names):
        raise UsageError(
            f"no such drill in the history: {', '.join(unknown)}; drills there: "
            f"{', '.join(sorted(names)) or 'none'}"
        )
    if not drills:
        return runs
    return [
        run.model_copy(update={"drills": tuple(d for d in run.drills if d.name in drills)})
        for run in runs
    ]
