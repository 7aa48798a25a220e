"""kubedrill doctor."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from kubedrill.local.doctor import HostCheck, examine

_MARKS = {
    "ok": ("ok     ", "green"),
    "warn": ("note   ", "yellow"),
    "missing": ("MISSING", "bold red"),
}
_USAGE = 2


@click.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Say what this host has, what is missing, and the command that mends it. Changes nothing."""
    findings = examine()
    console = Console()
    for finding in findings:
        console.print(told(finding), soft_wrap=True)
    missing = [finding.name for finding in findings if finding.state == "missing"]
    console.print(
        f"missing: {', '.join(missing)}" if missing else "this host can carry the local cluster"
    )
    context.exit(_USAGE if missing else 0)


def told(finding: HostCheck) -> Text:
    """One finding in one line, and its fix below it."""
    mark, style = _MARKS[finding.state]
    line = Text.assemble((mark, style), f"  {finding.name}: {finding.actual}")
    if finding.state != "ok":
        line.append(f" (expected: {finding.expected})")
        line.append(f"\n         {finding.fix}" if finding.fix else "")
    return line
