"""Counts the mutants that were called what they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "records")]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many of those that ran were caught."""
    counts = {
        kind: sum("test_mutant[" in report.nodeid for report in terminalreporter.stats.get(kind, []))
        for kind in ("passed", "failed", "error")
    }
    if total := sum(counts.values()):
        terminalreporter.write_line(f"mutants caught {counts['passed']} of {total}")
