"""The command line ``kubedrill``.

The only place, beside the pytest plugin, that prints or ends the process.
"""

from __future__ import annotations

from kubedrill.cli.main import main

__all__ = ["main"]
