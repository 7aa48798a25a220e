"""Judges records: a pure function from what was seen to PASS, FAIL, INCONCLUSIVE or ABORTED. Rules: docs/verdict.md."""

from kubedrill.verdict.judge import combine, judge

__all__ = ["combine", "judge"]
