"""Prints the history: its runs, and its trends."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from kubedrill.base.printable import printable
from kubedrill.cli.terminal import VERDICT_STYLES

if TYPE_CHECKING:
    from kubedrill.base.document import RunDocument
    from kubedrill.base.drill_entry import DrillEntry
    from kubedrill.history.predictions import Calibration
    from kubedrill.history.trends import Trend, Trends

_WIDTH = 140
"""Columns where the output is no terminal."""

_SHOWN = 5
"""Nights set aside that are listed one by one; --output json has all."""

_STYLES = {
    "worse": "bold red",
    "better": "green",
    "the host changed": "yellow",
    "slow or doubtful nights": "yellow",
}


def _console() -> Console:
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_WIDTH)


def print_runs(runs: list[RunDocument], last: int) -> None:
    """Print the newest runs, a row each."""
    console, shown = _console(), runs[-last:]
    names = Column("run", no_wrap=True, min_width=max((len(run.run) for run in shown), default=0))
    table = Table(
        names, "began (UTC)", "cluster", "versions", "topology", "host", "verdict", "drills"
    )
    for run in shown:
        first = run.drills[0] if run.drills else None
        versions = dict.fromkeys(_versions(drill) for drill in run.drills)
        counts = Counter([drill.verdict.value for drill in run.drills])
        counts.update(["not run"] * len(run.not_run))
        texts = (
            run.run,
            run.started[:16].replace("T", " "),
            run.cluster,
            ", ".join(versions),
            first.topology if first else "",
            first.host if first else "",
        )
        table.add_row(
            *(Text(printable(text)) for text in texts),
            Text(run.verdict.value, style=VERDICT_STYLES[run.verdict]),
            ", ".join(f"{count} {kind}" for kind, count in counts.items()),
        )
    console.print(table)
    console.print(f"{len(shown)} of {len(runs)} runs", highlight=False)


def _versions(drill: DrillEntry) -> str:
    before, after = drill.kubernetes, drill.kubernetes_after
    return before if before == after else f"{before} → {after or '?'}"


def print_trends(all_trends: Trends) -> None:
    """Print one table for each drill and key, and the rules below."""
    console = _console()
    for key, group in groupby(all_trends.trends, key=lambda trend: trend.series.key):
        same_key = list(group)
        console.print(_table(f"{key.drill}: {key}", same_key))
        for line in _aside(same_key):
            console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)
    rules = all_trends.rules
    recents = ", ".join(str(recent) for recent in rules.recents)
    console.print(
        f"{len(all_trends.trends)} series. The last {recents} usable nights against up to "
        f"{rules.window} before "
        f"(at least {rules.before}): test of a step, allowing for autocorrelation, each at p ≤ "
        f"{all_trends.level:.2g} "
        f"(Tarone's correction): the chance that a look where nothing changed flags anything is "
        f"{rules.alarm_rate:.2g} at most.",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"{len(all_trends.worse)} got worse",
        style="bold red" if all_trends.worse else "",
        highlight=False,
    )


def print_predictions(calibrations: list[Calibration]) -> None:
    """Print how predictions held, a row for each drill, topology and group of probes."""
    console = _console()
    table = Table()
    for name in ("drill", "topology", "probes"):
        table.add_column(name, no_wrap=True)
    numbers = (
        "n",
        "aside",
        "held",
        "far less",
        "predicted",
        "median",
        "worst",
        "limit",
        "baseline",
    )
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for each in calibrations:
        table.add_row(
            *(Text(printable(text)) for text in (each.drill, each.topology, each.probes)),
            str(each.nights),
            str(each.aside),
            Text(str(each.held), style="bold red" if each.exceeded else ""),
            Text(str(each.far_less), style="yellow" if each.far_less else ""),
            *(_number(value) for value in (each.predicted_s, each.median_s, each.worst_s)),
            Text(_number(each.limit_s), style="yellow" if each.is_wide else ""),
            _number(each.baseline_s),
        )
    console.print(table)
    console.print(
        "Seconds. held: the outage was not surely longer than predicted. far less: users felt less "
        "than half of the least that was predicted. aside: the host was slow, or the measurement "
        "is in doubt. baseline: a limit that this cluster would hold, 3 times the worst of 10 "
        "nights within the limit and no less than 3 s; a limit above it passes what never was.",
        soft_wrap=True,
        highlight=False,
    )


def _table(title: str, trends: list[Trend]) -> Table:
    table = Table(title=Text(title), title_justify="left", expand=True)
    for name in ("measure", "n", "aside", "limit", "over", "latest", "median", "worst"):
        table.add_column(name, justify="left" if name == "measure" else "right", no_wrap=True)
    table.add_column("change", overflow="fold", ratio=1)
    for trend in trends:
        series = trend.series
        change = Text(trend.change.value, style=_STYLES.get(trend.change.value, ""))
        table.add_row(
            f"{series.measure} ({series.unit})",
            str(trend.usable),
            str(len(series.nights) - trend.usable),
            _number(series.limit),
            str(trend.over) if series.limit is not None else "",
            _number(trend.latest),
            _number(trend.median),
            _number(trend.worst),
            Text.assemble(change, f": {trend.note}" if trend.note else ""),
        )
    return table


def _aside(trends: list[Trend]) -> list[str]:
    """Which nights were set aside and why, the newest ones.

    A reason that holds for some measures only names them.
    """
    measures_of: dict[tuple[str, str], list[str]] = {}
    for trend in trends:
        for night in trend.series.nights:
            if night.aside:
                measures_of.setdefault((night.run, night.aside), []).append(trend.series.measure)
    newest = sorted(measures_of, reverse=True)
    lines = []
    for run, why in newest[:_SHOWN]:
        measures = measures_of[run, why]
        which = "" if len(measures) == len(trends) else f" ({', '.join(measures)})"
        lines.append(f"set aside: {run}{which}: {why}")
    return [*lines, f"and {len(newest) - _SHOWN} more"] if len(newest) > _SHOWN else lines


def _number(value: float | None) -> str:
    return (
        ""
        if value is None
        else f"{value:.0f}"
        if value >= 100 or value == int(value)
        else f"{value:.2f}"
    )
