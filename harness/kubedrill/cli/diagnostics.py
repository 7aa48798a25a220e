"""kubedrill diagnostics: one archive of what is needed to find out why a drill failed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kubedrill.base.durations import read_duration
from kubedrill.base.errors import UsageError
from kubedrill.base.mistakes import shown
from kubedrill.base.printable import printable
from kubedrill.base.redact import Redactor, redact, secrets_in
from kubedrill.cli.numbers import Whole
from kubedrill.cli.options import (
    complete_runs,
    config_option,
    find_run,
    inventory_option,
    old_option,
    to_option,
)
from kubedrill.cli.paths import PathName
from kubedrill.cluster.connections import describe, find_disconnected
from kubedrill.cluster.hosts import Hosts
from kubedrill.diagnostics.collect import Archive, add_files, collect

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings


MOST_S = 365 * 86_400


def _read_since(_context: click.Context, _option: click.Parameter, text: str) -> int:
    try:
        since = read_duration(text)
    except ValueError as error:
        raise UsageError(f"--since: {error}, found {shown(text)}") from error
    if not 0 < since <= MOST_S:
        raise UsageError(f"--since: expected more than 0 s and at most a year, found {shown(text)}")
    return since


@click.command()
@inventory_option
@config_option
@click.option(
    "--run",
    "runs",
    multiple=True,
    shell_complete=complete_runs,
    help="Run whose record and logs are added; may be repeated.",
)
@click.option(
    "--also",
    multiple=True,
    type=PathName(exists=True),
    help="Folder that is added too.",
)
@click.option(
    "--since",
    default="2h",
    show_default=True,
    metavar="DURATION",
    callback=_read_since,
    help="How far logs go back, such as 30m.",
)
@old_option("--minutes", "--since", Whole(1, MOST_S // 60), "{}m")
@to_option("diagnostics-CLUSTER.tar.gz")
@old_option("--output", "--to")
@click.pass_context
def diagnostics(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    cluster: Inventory,
    settings: Settings,
    runs: tuple[str, ...],
    also: tuple[Path, ...],
    since: int,
    to: Path | None,
) -> None:
    """Collect the logs, events, manifests and etcd status of a cluster into one archive.

    Secrets are removed, and nothing on the cluster is changed. Hosts that cannot be used are named
    at once. Ends with 3 where something could not be read: MISSING.txt in the archive lists it.

    Example: kubedrill diagnostics --run latest --since 30m
    """
    folders = [find_run(run, settings) for run in runs]
    path = to or Path(f"diagnostics-{cluster.name}.tar.gz")
    with (
        Archive(path, Redactor(known_secrets(cluster))) as archive,
        Hosts(cluster, settings) as hosts,
    ):
        errors = find_disconnected(hosts)
        if errors:
            click.echo(f"kubedrill: {printable(redact(describe(hosts, errors)))}", err=True)
        for name, error in errors.items():
            archive.note_missing(name, str(error))
        answering = [node for node in cluster.machines if node.name not in errors]
        collect(archive, hosts, answering, minutes=-(-since // 60))
        add_files(archive, [*folders, *also])
        archive.add("REPLAY.txt", how_to_replay(cluster, folders))
        archive.add("MISSING.txt", "".join(f"{line}\n" for line in archive.missing) or "nothing\n")
    click.echo(
        f"{path}: {archive.count} files, {path.stat().st_size / 1e6:.1f} MB, "
        f"{len(archive.missing)} missing"
    )
    context.exit(3 if archive.missing else 0)


def known_secrets(cluster: Inventory) -> set[str]:
    """Collect the inventory's and the environment's secrets, to remove them from every file."""
    return secrets_in([*cluster.variables, *os.environ.items()])


def how_to_replay(cluster: Inventory, folders: list[Path]) -> str:
    """Return the commands that repeat what failed, on the same cluster or on a fresh one."""
    lines = ["# On the same cluster:"]
    lines += [f"kubedrill replay {folder.name} --inventory {cluster.path}" for folder in folders]
    lines += [
        "",
        "# On a fresh one that Vagrant makes:",
        f"kubedrill down --inventory {cluster.path}",
    ]
    lines += [f"kubedrill up --inventory {cluster.path}"]
    lines += [f"kubedrill replay {folder.name} --inventory {cluster.path}" for folder in folders]
    return "\n".join(lines) + "\n"
