"""The command group, and how every command ends: 0 PASS, 1 FAIL, 2 usage, 3 INCONCLUSIVE, 4 ABORTED."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click
from rich.console import Console

from bundle.cli import bundle
from harness.cli.app import app
from harness.cli.artefacts import artefacts
from harness.cli.cluster import down, up
from harness.cli.doctor import doctor
from harness.cli.drill import drill, list_drills, replay, report
from harness.cli.heal import heal
from harness.cli.history import history
from harness.cli.nightly import nightly
from harness.cli.notify import notify
from harness.cli.pod import pod
from harness.cli.readiness import readiness
from harness.cli.site import site
from harness.errors import KubedrillError

_INTERRUPTED = 4


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("kubedrill"), prog_name="kubedrill")
def cli() -> None:
    """Build a highly available Kubernetes cluster and drill it: failover, drain, rolling upgrade, under traffic."""


for command in (
    doctor,
    bundle,
    up,
    down,
    app,
    list_drills,
    drill,
    replay,
    heal,
    report,
    readiness,
    history,
    nightly,
    notify,
    pod,
    site,
    artefacts,
):
    cli.add_command(command)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code; an expected error is a sentence, never a trace."""
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
    Console(stderr=True).print(f"kubedrill: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
