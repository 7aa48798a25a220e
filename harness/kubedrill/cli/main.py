"""The command group, and how every command ends: kubedrill.cli.exit_codes has the table."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version

import click
from rich.console import Console

from kubedrill.base.errors import KubedrillError
from kubedrill.base.printable import printable
from kubedrill.cli import streams
from kubedrill.cli.exit_codes import STOPPED, status_of
from kubedrill.cli.lazy import LazyGroup

COMMANDS = {
    "doctor": "kubedrill.cli.host",
    "init": "kubedrill.cli.host",
    "completion": "kubedrill.cli.host",
    "backup": "kubedrill.cli.backup",
    "bundle": "kubedrill.cli.bundle",
    "up": "kubedrill.cli.cluster",
    "down": "kubedrill.cli.cluster",
    "app": "kubedrill.cli.app",
    "list": "kubedrill.cli.list_drills:list_drills",
    "drill": "kubedrill.cli.drill",
    "replay": "kubedrill.cli.drill",
    "heal": "kubedrill.cli.cluster",
    "report": "kubedrill.cli.drill",
    "readiness": "kubedrill.cli.readiness",
    "history": "kubedrill.cli.history",
    "nightly": "kubedrill.cli.nightly",
    "notify": "kubedrill.cli.publish",
    "pod": "kubedrill.cli.cluster",
    "site": "kubedrill.cli.publish",
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

    An expected error is a sentence, never a trace. A mistake of kubedrill's own shows its trace,
    and ends as what could not be found out: Python's status for it would be that of a FAIL.
    """
    try:
        streams.guard()
        code = run(argv)
    except KeyboardInterrupt:  # beside the command itself
        code = STOPPED
    except Exception:  # noqa: BLE001 - whatever it is, it is no FAIL
        _print_trace()
        _complain("this is a mistake in kubedrill itself; please report it with the lines above")
        code = STOPPED
    unwritten = streams.flush()
    if unwritten:
        _complain(unwritten)
    sys.exit(code or (STOPPED if unwritten else 0))


def run(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = cli.main(args=argv, prog_name="kubedrill", standalone_mode=False)
    except KubedrillError as error:
        _complain(str(error))
        return status_of(error)
    except click.ClickException as error:
        _complain(_usage(error))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("stopped")
        return STOPPED
    except OSError as error:
        _complain(_words(error))
        return STOPPED
    except Exception as error:
        refusal = _refusal(error)
        if not refusal:
            raise
        _complain(refusal)
        return STOPPED
    return code if isinstance(code, int) else 0


def _print_trace() -> None:
    from kubedrill.base.redact import redact  # noqa: PLC0415 - as below

    text, error = traceback.format_exc(), sys.exc_info()[1]
    while error is not None:  # its own words first: what stands before them is not part of them
        text = text.replace(str(error) or "\0", redact(str(error)))
        error = error.__cause__ or error.__context__
    print(redact(text), end="", file=sys.stderr)


def _usage(error: click.ClickException) -> str:
    """What the command line holds that it should not, and where to read on."""
    text = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "kubedrill"
    return f"{text[:1].lower()}{text[1:]} (see {path} --help)"


def _words(error: OSError) -> str:
    """What the operating system refused, of which file, and what to do."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"stopped, as this host refused: {reason}"
    return f"{error.filename}: {reason}; give another place, or mend this one, and try again"


def _refusal(error: Exception) -> str:
    """What the cluster's API refused; "" where it is another error."""
    client = sys.modules.get("kubernetes.client")  # it takes long to load: only where it was used
    if client is None or not isinstance(error, client.ApiException):
        return ""
    return f"the cluster's API refused: {error.status} {error.reason}"


def _complain(text: str) -> None:
    from kubedrill.base.redact import redact  # noqa: PLC0415 - only where there is something to say

    Console(stderr=True).print(
        f"kubedrill: {printable(redact(text))}",
        style="red",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
