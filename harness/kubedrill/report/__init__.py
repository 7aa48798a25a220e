"""Turns records and verdicts into verdict.json, junit.xml and index.html.

Works offline, from files alone.
"""

from kubedrill.report.write import read_not_run, write_report

__all__ = ["read_not_run", "write_report"]
