"""The command group, and how every command ends.

0 PASS, 1 FAIL, 2 usage, 3 INCONCLUSIVE, 4 ABORTED.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import click
from rich.console import Console

from kubedrill.base.errors import KubedrillError
from kubedrill.base.printable import printable
from kubedrill.cli.lazy import LazyGroup

_INTERRUPTED = 4


COMMANDS = {
    "doctor": "kubedrill.cli.host",
    "init": "kubedrill.cli.host",
    "completion": "kubedrill.cli.host",
    "bundle": "kubedrill.cli.bundle",
    "up": "kubedrill.cli.cluster",
    "down": "kubedrill.cli.cluster",
    "app": "kubedrill.cli.app",
    "list": "kubedrill.cli.drill:list_drills",
    "drill": "kubedrill.cli.drill",
    "replay": "kubedrill.cli.drill",
    "heal": "kubedrill.cli.cluster",
    "report": "kubedrill.cli.drill",
    "readiness": "kubedrill.cli.readiness",
    "history": "kubedrill.cli.history",
    "nightly": "kubedrill.cli.nightly",
    "notify": "kubedrill.cli.notify",
    "pod": "kubedrill.cli.cluster",
    "site": "kubedrill.cli.site",
    "diagnostics": "kubedrill.cli.diagnostics",
}
"""Where each command is, as kubedrill.cli.lazy reads it."""

OLD_NAMES = {"artefacts": "diagnostics"}
"""Names of commands in the release before, which go with the next one."""


@click.group(
    cls=LazyGroup,
    modules=COMMANDS,
    old_names=OLD_NAMES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(version("kubedrill"), prog_name="kubedrill")
def cli() -> None:
    """Build a highly available Kubernetes cluster and drill it.

    Failover, drain, rolling upgrade, under traffic.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    An expected error is a sentence, never a trace.
    """
    sys.exit(run(argv))


def run(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = cli.main(args=argv, prog_name="kubedrill", standalone_mode=False)
    except KubedrillError as error:
        _complain(str(error))
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("stopped")
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


def _complain(text: str) -> None:
    Console(stderr=True).print(
        f"kubedrill: {printable(text)}",
        style="red",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
