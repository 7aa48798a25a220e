"""kubedrill list."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from kubedrill.cli.documents import drill_list
from kubedrill.cli.options import output_option
from kubedrill.drills import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kubedrill.core.drill import Drill


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what each proves and needs.")
@output_option
def list_drills(output: str, *, everything: bool) -> None:
    """List the drills by family, the standard ones marked; --all tells more of each.

    Example: kubedrill list --all
    """
    if output == "json":
        click.echo(drill_list(ALL.values()).text())
        return
    click.echo("\n".join(drill_lines(ALL.values(), everything=everything)))


def drill_lines(drills: Iterable[Drill], *, everything: bool) -> Iterator[str]:
    """Give the drills by family, a line each; ``everything``: what each proves and needs too."""
    drills = list(drills)
    width = max(len(drill.name) for drill in drills)
    for family, members in groupby(drills, key=lambda drill: drill.family):
        yield family.name.capitalize().replace("_", " ")
        for drill in members:
            mark = "*" if drill.standard else " "
            yield f"  {mark} {drill.name:{width}}  {duration(drill.duration_s):>6}  {drill.title}"
            if everything:
                yield f"        proves  {drill.proves}"
                yield f"        needs   {drill.needs}"
        yield ""
    standard = duration(sum(drill.duration_s for drill in drills if drill.standard))
    total = duration(sum(drill.duration_s for drill in drills))
    yield (
        f"{len(drills)} drills, about {total} in all. Those with * run when none is named, about "
        f"{standard}."
    )
    if not everything:
        yield "What each proves and needs: kubedrill list --all"


def duration(seconds: int) -> str:
    """Return seconds in words.

    >>> duration(60), duration(150)
    ('60 s', '2 min')
    """
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds} s"
