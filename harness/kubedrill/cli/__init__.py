"""The command line ``kubedrill``.

The only place, beside the pytest plugin, that prints or ends the process.
"""

from __future__ import annotations

import sys

try:
    from kubedrill.cli.main import main
except KeyboardInterrupt:  # Ctrl-C while all that a command needs is loaded
    print("kubedrill: stopped", file=sys.stderr)
    sys.exit(4)  # exit_codes.STOPPED, without loading more

__all__ = ["main"]
