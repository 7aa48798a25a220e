"""kubedrill doctor, init and completion: before there is a cluster."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class
from rich.console import Console
from rich.text import Text

from kubedrill.base.errors import UsageError
from kubedrill.base.project import COLLECTIONS_PATH, IN_CHECKOUT, ROOT
from kubedrill.cli.documents import doctor_document
from kubedrill.cli.exit_codes import STOPPED, USAGE
from kubedrill.cli.options import (
    config_path_option,
    hosts_option,
    load_settings,
    output_option,
)
from kubedrill.cli.paths import PathName
from kubedrill.local.doctor import HostCheck, State, examine

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.cluster.inventory import Inventory

INIT_FILES = (
    "ansible.cfg",
    "deploy/plans/nightly.yml",
    "deploy/plans/one-control-plane.yml",
    "inventories/bare",
    "inventories/local",
    "kubedrill.yml",
)
"""What `init` writes, in the places where a checkout has it, so that every default fits."""
_IGNORED = "# Keys of the nodes, and results.\n.vagrant/\nreports/\n"

_MARKS = {
    "ok": ("ok     ", "green"),
    "warn": ("note   ", "yellow"),
    "missing": ("MISSING", "bold red"),
}


@click.command()
@hosts_option
@config_path_option
@output_option
@click.pass_context
def doctor(
    context: click.Context, cluster: Inventory | None, config: Path | None, output: str
) -> None:
    """Print what this host has, what is missing, and the command that mends it. Changes nothing.

    With --inventory also whether each of its hosts can be used over SSH; for machines that Vagrant
    does not make, nothing else. Ends with 4 where one cannot.

    Example: kubedrill doctor -i inventories/bare
    """
    hosts, is_local = check_hosts(cluster, config) if cluster else ([], True)
    findings = [*(examine() if is_local else ()), *hosts]
    missing = [finding.name for finding in findings if finding.state == "missing"]
    lost = [finding.name for finding in hosts if finding.state == "missing"]
    status = (STOPPED if missing == lost else USAGE) if missing else 0
    if output == "json":
        click.echo(doctor_document(findings).text())
        context.exit(status)
    console = Console()
    for finding in findings:
        console.print(finding_text(finding), soft_wrap=True)
    ready = "every host can be used" if hosts else "this host can carry the local cluster"
    console.print(f"missing: {', '.join(missing)}" if missing else ready)
    context.exit(status)


def check_hosts(cluster: Inventory, config: Path | None) -> tuple[list[HostCheck], bool]:
    """Try every host of an inventory; returns a row for each, and whether Vagrant makes them."""
    # most calls of doctor need none of it
    from kubedrill.cluster.connections import find_disconnected, lines_of  # noqa: PLC0415
    from kubedrill.cluster.read_only import ReadOnlyHosts  # noqa: PLC0415
    from kubedrill.cluster.vagrant import made_by_vagrant  # noqa: PLC0415

    with ReadOnlyHosts(cluster, load_settings(config)) as hosts:
        errors = find_disconnected(hosts)
    rows = []
    for machine in cluster.machines:
        lines = lines_of({"": errors[machine.name]}) if machine.name in errors else ()
        actual, _, fix = "; ".join(lines).partition("; ")
        state: State = "missing" if lines else "ok"
        rows.append(
            HostCheck(f"host {machine.name}", state, actual or "root by SSH", "root by SSH", fix)
        )
    return rows, made_by_vagrant(cluster)


def finding_text(finding: HostCheck) -> Text:
    """One finding in one line, and its fix below it."""
    mark, style = _MARKS[finding.state]
    line = Text.assemble((mark, style), f"  {finding.name}: {finding.actual}")
    if finding.state != "ok":
        line.append(f" (expected: {finding.expected})")
        line.append(f"\n         {finding.fix}" if finding.fix else "")
    return line


@click.command()
@click.argument("folder", metavar="DIR", type=PathName(file_okay=False))
def init(folder: Path) -> None:
    """Write inventories, a configuration and a nightly plan to DIR, each with comments.

    inventories/local describes five nodes on this machine, inventories/bare machines that you have:
    edit it. Nothing that exists is overwritten. Run the other commands in DIR: they keep keys in
    DIR/.vagrant and results in DIR/reports.

    Example: kubedrill init lab
    """
    sources: dict[Path, Path] = {}
    for name in INIT_FILES:
        files = [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*.yml")
        sources.update((path.relative_to(ROOT), path) for path in files)
    names = [*map(str, sources), ".gitignore"]
    existing = sorted(name for name in names if (folder / name).exists())
    if existing:
        raise UsageError(
            f"{folder} already has {', '.join(existing)}; nothing was written. "
            "Expected a folder without them, such as a new one"
        )
    for path, source in sorted(sources.items()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path.name == "ansible.cfg":
            text = source.read_text(encoding="utf-8")
            (folder / path).write_text(_where_collection_is(text), encoding="utf-8")
        else:
            shutil.copyfile(source, folder / path)
        click.echo(folder / path)
    (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    click.echo(f"next: cd {folder} && kubedrill doctor && kubedrill up")


def _where_collection_is(ansible_cfg: str) -> str:
    """Replace the path of the collection, which is relative to a checkout, and its comment."""
    lines = (
        "# The collection kubedrill.kubeadm is installed with kubedrill: Ansible of the same "
        "environment finds it on Python's path."
    )
    if IN_CHECKOUT:
        lines = f"# The checkout's collection.\ncollections_path = {COLLECTIONS_PATH}"
    return re.sub(r"#[^\n]*\ncollections_path = collections", lambda _: lines, ansible_cfg)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    r"""Print the script that completes commands, options, drills, runs and inventories.

    \b
    bash:  kubedrill completion bash > ~/.local/share/bash-completion/completions/kubedrill
    zsh:   kubedrill completion zsh > "${fpath[1]}/_kubedrill"
    fish:  kubedrill completion fish > ~/.config/fish/completions/kubedrill.fish

    A new shell completes then.

    Example: kubedrill completion bash
    """
    completer = get_completion_class(shell)
    assert completer is not None  # noqa: S101 - click brings these three
    script = completer(context.find_root().command, {}, "kubedrill", "_KUBEDRILL_COMPLETE")
    click.echo(script.source())
