"""Judges records: a pure function from what was seen to PASS, FAIL, INCONCLUSIVE or ABORTED. Rules: docs/verdict.md."""

from harness.verdict.judge import combine, judge

__all__ = ["combine", "judge"]
