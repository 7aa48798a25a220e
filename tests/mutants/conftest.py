"""Counts the mutants that were called what they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubedrill.pytest_plugin import inventory_path

if TYPE_CHECKING:
    import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "records")]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "live: breaks a live cluster and repairs it")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave those alone that need a cluster, unless one is given.

    They are not skipped, they are another suite.
    """
    return True if collection_path.name == "live" and not inventory_path(config) else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many of those that ran were caught."""
    counts = {
        kind: sum(
            ("mutant[" in report.nodeid and report.when == "call") or kind == "error"
            for report in terminalreporter.stats.get(kind, [])
        )
        for kind in ("passed", "failed", "error")
    }
    if total := sum(counts.values()):
        terminalreporter.write_line(f"mutants caught {counts['passed']} of {total}")
