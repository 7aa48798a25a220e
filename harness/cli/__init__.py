"""The command line ``kubedrill``: the only place, beside the pytest plugin, that prints or ends the process."""

from __future__ import annotations

from harness.cli.main import main

__all__ = ["main"]
