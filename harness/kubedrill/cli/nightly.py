"""kubedrill nightly: one unattended cycle from a plan."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from kubedrill.base.errors import KubedrillError
from kubedrill.base.redact import redact
from kubedrill.bundle.cache import Cache
from kubedrill.bundle.releases import SUPPORTED
from kubedrill.cli.options import config_path_option, load_settings
from kubedrill.cli.paths import PathName
from kubedrill.cli.publish import read_runs
from kubedrill.cli.terminal import verdict_line
from kubedrill.nightly.cells import cells_of, expected_s
from kubedrill.nightly.plan_file import load_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.nightly.cycle import Cycles
    from kubedrill.nightly.plan import Drills
    from kubedrill.nightly.state import Cell, CycleState

PLAN = Path("deploy/plans/nightly.yml")

# What needs SQLAlchemy is imported where it is used: it takes 0.3 s, which --check need not pay.


@click.command()
@click.argument("plan_path", metavar="[PLAN]", type=PathName(), default=PLAN)
@config_path_option
@click.option(
    "--check", is_flag=True, help="Only read the plan, and list its cells and how long they take."
)
@click.option(
    "--new", is_flag=True, help="Clean up after a cycle that was cut off, and begin a new one."
)
@click.option(
    "--continue",
    "only_continue",
    is_flag=True,
    help="Only go on with a cycle that was cut off, if any.",
)
@click.option(
    "--clean", is_flag=True, help="Only take away clusters that were kept or that a kill left."
)
@click.pass_context
def nightly(  # noqa: PLR0913, PLR0917 - one for each argument and option
    context: click.Context,
    plan_path: Path,
    config: Path | None,
    check: bool,
    new: bool,
    only_continue: bool,
    clean: bool,
) -> None:
    """Run the cells of PLAN (deploy/plans/nightly.yml), each on a fresh cluster.

    Go on with a cycle that was cut off.

    Ends with the worst verdict: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 ABORTED; 2 for mistakes in the
    plan.

    Example: kubedrill nightly deploy/plans/nightly.yml --check
    """
    plan = load_plan(plan_path, available_versions())
    cells = cells_of(plan)
    for name in dict.fromkeys(plan.config_of(cell.topology) for cell in cells):
        load_settings(config or (plan_path.parent / name if name else None))
    if check:
        _show_cells(cells, plan.drills)
        return
    from kubedrill.nightly.cycle import Cycles  # noqa: PLC0415 - see above

    console = Console(stderr=True)

    def tell(subject: str, text: str) -> None:
        now = f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005 - the clock on the reader's wall
        text = redact(text)
        console.print(f"{now} {subject}: {text}", markup=False, highlight=False, soft_wrap=True)

    cycles = Cycles(plan, plan_path, config, tell)
    if clean:
        click.echo(f"{cycles.clean()} clusters taken away")
        return
    try:
        store = cycles.run(new=new, begin=not only_continue)
    finally:
        _conclude(cycles, tell)
    if store is None:
        click.echo("no cycle was cut off")
        return
    _show_result(store.state, console)
    click.echo(store.folder)
    context.exit(store.state.verdict.exit_code)


def _conclude(cycles: Cycles, tell: Callable[[str, str], None]) -> None:
    """Make the site anew and tell people; what fails is told, and changes no verdict."""
    from kubedrill.notify.deliver import tell_cycle  # noqa: PLC0415
    from kubedrill.site.write import write_site  # noqa: PLC0415

    if cycles.current is None:
        return  # refused before it began
    try:
        runs = read_runs(cycles.plan_settings)
        tell("site", str(write_site(runs, cycles.reports / "site", cycles.reports)))
        tell("notify", tell_cycle(cycles.current.folder, runs, cycles.plan_settings.notify))
    except (KubedrillError, OSError) as error:
        tell("notify", str(error))


def available_versions() -> set[str]:
    """Versions that a cluster can be made of.

    Bundles in the cache, and releases that one can be built for.
    """
    bundles = {path.parent.name for path in Cache().bundles.glob("v*/bundle.json")}
    return {name.removeprefix("v").rsplit("-", 1)[0] for name in bundles} | set(SUPPORTED)


def _show_cells(cells: list[Cell], drills: Drills) -> None:
    table = Table("cell", "topology", "versions", "before", "during", "after", "about")
    total = 0
    for number, cell in enumerate(cells, 1):
        after = ", ".join(drills.after if cell.during else ())
        names = (", ".join(drills.before), cell.during, after)
        seconds = expected_s(cell, drills)
        about = f"{seconds / 60:.0f} min"
        table.add_row(str(number), cell.topology, " → ".join(cell.versions), *names, about)
        total += seconds
    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=140)).print(table)
    click.echo(f"{len(cells)} cells, about {total / 60:.0f} min in all")


def _show_result(state: CycleState, console: Console) -> None:
    for cell in state.cells:
        verdict = cell.verdict.value if cell.verdict else "not begun"
        line = f"{cell.key}: {cell.reason}{'; its cluster was kept' if cell.cluster_kept else ''}"
        if cell.verdict:
            console.print(verdict_line(cell.verdict, cell.key, cell.reason), soft_wrap=True)
        else:
            console.print(f"{verdict:12} {line}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{state.verdict.value}: cycle {state.cycle}", markup=False, highlight=False)
