"""kubedrill readiness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kubedrill.base.errors import KubedrillError
from kubedrill.base.redact import redact
from kubedrill.cli.options import (
    config_option,
    inventory_option,
    old_option,
    open_history,
    output_option,
)
from kubedrill.readiness.gather import gather
from kubedrill.readiness.judge import Readiness, judge
from kubedrill.readiness.model import Issue, Severity, Version
from kubedrill.readiness.to_json import to_json
from kubedrill.runner.facts import host_facts

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

_STYLES = {
    Severity.BLOCKER: "bold red",
    Severity.UNKNOWN: "bold magenta",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
}
_VERDICTS = {
    "ready": ("ready", "bold green"),
    "blocked": ("NOT READY: there are blockers", "bold red"),
    "unknown": ("NOT KNOWN: something that matters could not be found out", "bold magenta"),
}
UPGRADE = "cluster-upgrade"
"""The drill whose predictions are those of an upgrade."""

_WIDTH = 120
"""Columns where the output is no terminal."""


@click.command()
@click.option(
    "--upgrade-to",
    required=True,
    metavar="VERSION",
    callback=lambda _context, _option, text: Version.parse(text) if text else None,
    help="Release to upgrade to, such as 1.36.3.",
)
@old_option("--to", "--upgrade-to")
@inventory_option
@config_option
@output_option
@click.pass_context
def readiness(
    context: click.Context, upgrade_to: Version, cluster: Inventory, settings: Settings, output: str
) -> None:
    """Print whether a cluster is ready for an upgrade, and what would stop or hurt it.

    Changes nothing.

    Ends with 0 when it is ready, 1 with blockers, 3 when something that matters could not be found
    out.

    Example: kubedrill readiness --upgrade-to 1.36.3 -i inventories/bare
    """
    errors = Console(stderr=True)

    def report(text: str) -> None:
        errors.print(redact(text), markup=False, highlight=False, soft_wrap=True)

    with errors.status(f"reading {cluster.name} …"):
        result = without_secrets(judge(gather(cluster, upgrade_to, settings, report)))
    if output == "json":
        click.echo(to_json(result))
    else:
        terminal = Console()
        terminal = terminal if terminal.is_terminal else Console(width=_WIDTH)
        print_readiness(result, terminal)
        for line in measured_upgrades(cluster, settings):
            terminal.print(line, markup=False, highlight=False, soft_wrap=True)
    context.exit(result.exit_code)


def without_secrets(result: Readiness) -> Readiness:
    """Return the outcome with the cluster's words cleaned."""
    findings = tuple(
        replace(
            issue,
            subject=redact(issue.subject),
            actual=redact(issue.actual),
            expected=redact(issue.expected),
            action=redact(issue.action),
        )
        for issue in result.findings
    )
    return replace(result, findings=findings)


def measured_upgrades(cluster: Inventory, settings: Settings) -> list[str]:
    """Tell how earlier upgrades held what was predicted, on clusters of as many nodes.

    Nothing where there is no history, or it cannot be read: it is not what was asked for.
    """
    from kubedrill.history.predictions import calibrate  # noqa: PLC0415 - needs SQLAlchemy

    topology = host_facts(cluster, settings)["labels"]["topology"]
    try:
        with open_history(settings) as database:
            calibrations = calibrate(database.runs())
    except KubedrillError:
        return []
    return [
        f"earlier upgrades: {each}"
        for each in calibrations
        if each.drill == UPGRADE and each.topology == topology and each.nights
    ]


def print_readiness(result: Readiness, console: Console) -> None:
    """Print the findings, one table for each severity, and the verdict below."""
    for severity in Severity:
        findings = result.of(severity)
        if findings:
            console.print(_table(severity, findings))
    words, style = _VERDICTS[result.verdict]
    counts = ", ".join(f"{len(result.of(severity))} {severity.value}" for severity in Severity)
    head = f"{result.cluster} to {result.target}: "
    console.print(Text.assemble(head, (words, style)), soft_wrap=True)
    console.print(
        f"{counts}; {len(result.clean)} of {len(result.rules)} rules have nothing against it",
        soft_wrap=True,
        highlight=False,
    )


def _table(severity: Severity, findings: tuple[Issue, ...]) -> Table:
    table = Table(
        title=Text(f"{severity.value} ({len(findings)})", style=_STYLES[severity]),
        title_justify="left",
        show_header=False,
        expand=True,
        show_lines=True,
    )
    table.add_column("subject", ratio=1, overflow="fold")
    table.add_column("finding", ratio=3, overflow="fold")
    for finding in findings:
        table.add_row(Text(f"{finding.subject}\n[{finding.rule}]"), _words(finding))
    return table


def _words(finding: Issue) -> Text:
    lines = [finding.actual]
    lines += [f"expected: {finding.expected}"] if finding.expected else []
    if finding.action:
        label = "" if finding.severity is Severity.INFO else "to do: "
        lines.append(f"{label}{finding.action}")
    return Text("\n".join(lines))
