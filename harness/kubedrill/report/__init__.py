"""Turns records and verdicts into verdict.json, junit.xml and index.html.

Works offline, from files alone.
"""

from kubedrill.report.compare import compare
from kubedrill.report.write import read_not_run, rebuild_report, write_files, write_report

__all__ = ["compare", "read_not_run", "rebuild_report", "write_files", "write_report"]
