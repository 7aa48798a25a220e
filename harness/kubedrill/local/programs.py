"""How a module that the Vagrantfile runs as a program ends.

In the user's words, without a stack trace.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kubedrill.bundle.errors import BundleError
from kubedrill.bundle.processes import Stopped

if TYPE_CHECKING:
    import click


def run(command: click.Command) -> None:
    """Run a command with this process's arguments and exit.

    0, an error's own code, or 1 when it was interrupted.
    """
    try:
        command.main(standalone_mode=False)
    except BundleError as failure:
        sys.stderr.write(f"kubedrill: {failure}\n")
        sys.exit(failure.exit_code)
    except (Stopped, KeyboardInterrupt):
        sys.exit("kubedrill: interrupted; nothing half-made is left")
