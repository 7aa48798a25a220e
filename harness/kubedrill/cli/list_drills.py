"""kubedrill list."""

from __future__ import annotations

import shutil
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

import click

from kubedrill.base.model import Leaves
from kubedrill.cli.documents import drill_list
from kubedrill.cli.options import complete_drills, output_option
from kubedrill.drills import ALL, find_drills

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from kubedrill.core.drill import Drill

_NARROWEST, _WIDEST = 64, 120
"""Columns of the short list; where no terminal says, it has 100."""


@click.command("list")
@click.argument("names", nargs=-1, metavar="[NAME…]", shell_complete=complete_drills)
@click.option("--all", "everything", is_flag=True, help="A line for each drill.")
@output_option
def list_drills(names: tuple[str, ...], output: str, *, everything: bool) -> None:
    """List the drills: the standard ones, and the names of the others by family.

    With names: what each of these proves, needs, costs and does. With -o json all of that, of
    every drill or of those named.

    Example: kubedrill list node-drain
    """
    drills = find_drills(names) if names else list(ALL.values())
    if output == "json":
        click.echo(drill_list(drills).text())
    elif names:
        click.echo("\n\n".join("\n".join(details(drill)) for drill in drills))
    elif everything:
        click.echo("\n".join(long_list(drills)))
    else:
        columns = shutil.get_terminal_size((100, 24)).columns
        click.echo("\n".join(short_list(drills, min(max(columns, _NARROWEST), _WIDEST))))


def short_list(drills: Collection[Drill], columns: int) -> Iterator[str]:
    """Give a line for each standard drill, and for each family the names of its other ones."""
    standard = [drill for drill in drills if drill.standard]
    width = max(len(drill.name) for drill in standard)
    yield f"Standard drills, which run when none is named, {_about(standard)}:"
    for drill in standard:
        yield f"  {drill.name:{width}}  {duration(drill.duration_s):>6}  {drill.title}"
    others = [drill for drill in drills if not drill.standard]
    yield f"{len(others)} others, by family:"
    for family, members in groupby(others, key=lambda drill: drill.family):
        yield from textwrap.wrap(
            " ".join(drill.name for drill in members),
            columns,
            initial_indent=f"  {_title(family.name):11}",
            subsequent_indent=" " * 13,
            break_on_hyphens=False,
        )
    yield "More of one: kubedrill list NAME; a line for each: kubedrill list --all"


def long_list(drills: Collection[Drill]) -> Iterator[str]:
    """Give a line for each drill, below its family."""
    width = max(len(drill.name) for drill in drills)
    for family, members in groupby(drills, key=lambda drill: drill.family):
        yield _title(family.name)
        for drill in members:
            mark = "*" if drill.standard else " "
            yield f"  {mark} {drill.name:{width}}  {duration(drill.duration_s):>6}  {drill.title}"
        yield ""
    standard = [drill for drill in drills if drill.standard]
    yield (
        f"{len(drills)} drills, {_about(drills)} in all. Those with * run when none is named, "
        f"{_about(standard)}."
    )


def details(drill: Drill) -> Iterator[str]:
    """Give all that is known of a drill before it is run."""
    rows = [
        ("proves", drill.proves),
        ("needs", drill.needs or "nothing special"),
        ("takes", f"about {duration(drill.duration_s)}"),
        ("limits", f"{limits(drill)} ({drill.limits_because})"),
        ("evidence", drill.evidence),
        *([] if drill.leaves is Leaves.UNCHANGED else [("leaves", drill.leaves.text)]),
        *((f"step {number}", text) for number, text in enumerate(drill.steps, 1)),
    ]
    yield f"{drill.name}: {drill.title}"
    for name, text in rows:
        yield f"    {name:<8}  {text.replace('``', '')}"


def limits(drill: Drill) -> str:
    """Return what a drill may cost, in words."""
    values = drill.limits
    outages = f"application {values.app_outage_s:g} s, API {values.api_outage_s:g} s, "
    failed = [
        f"{count} failed {what} requests"
        for what, count in (("application", values.app_max_failed), ("API", values.api_max_failed))
        if count is not None
    ]
    return "; ".join([f"{outages}DNS {values.dns_outage_s:g} s", *failed])


def duration(seconds: int) -> str:
    """Return seconds in words.

    >>> duration(60), duration(150)
    ('60 s', '2 min')
    """
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds} s"


def _about(drills: Collection[Drill]) -> str:
    return f"about {duration(sum(drill.duration_s for drill in drills))}"


def _title(family: str) -> str:
    return family.capitalize().replace("_", " ")
