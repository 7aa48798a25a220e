"""Shows a look at the history's trends."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from kubedrill.history.trends import Look, Trend

_SHOWN = 5
"""Nights set aside that are told one by one; --output json has all."""

_STYLES = {
    "worse": "bold red",
    "better": "green",
    "the host changed": "yellow",
    "slow or doubtful nights": "yellow",
}


def exit_code(look: Look) -> int:
    """1 when something got worse, else 0."""
    return 1 if look.worse else 0


def show_look(look: Look, console: Console) -> None:
    """Print one table for each drill and key, and what the look is worth below."""
    for key, group in groupby(look.trends, key=lambda trend: trend.series.key):
        trends = list(group)
        console.print(_table(f"{key.drill}: {key}", trends))
        for line in _aside(trends):
            console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)
    rules = look.rules
    recents = " and ".join(str(recent) for recent in rules.recents)
    console.print(
        f"{len(look.trends)} series. The last {recents} usable nights against up to {rules.window} before "
        f"(at least {rules.before}): exact two-sided rank-sum test, each series at p ≤ {look.level:.2g} "
        f"(Tarone's correction): the chance that a look where nothing changed flags anything is "
        f"{rules.alarm_rate:.2g} at most.",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"{len(look.worse)} got worse", style="bold red" if look.worse else "", highlight=False
    )


def _table(title: str, trends: list[Trend]) -> Table:
    table = Table(title=Text(title), title_justify="left", expand=True)
    for name in ("measure", "n", "aside", "budget", "over", "latest", "median", "worst"):
        table.add_column(name, justify="left" if name == "measure" else "right", no_wrap=True)
    table.add_column("change", overflow="fold", ratio=1)
    for trend in trends:
        series = trend.series
        change = Text(trend.change.value, style=_STYLES.get(trend.change.value, ""))
        table.add_row(
            f"{series.measure} ({series.unit})",
            str(trend.usable),
            str(len(series.nights) - trend.usable),
            _number(series.budget),
            str(trend.over) if series.budget is not None else "",
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
    told: dict[tuple[str, str], list[str]] = {}
    for trend in trends:
        for night in trend.series.nights:
            if night.aside:
                told.setdefault((night.run, night.aside), []).append(trend.series.measure)
    newest = sorted(told, reverse=True)
    lines = []
    for run, why in newest[:_SHOWN]:
        measures = told[run, why]
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
