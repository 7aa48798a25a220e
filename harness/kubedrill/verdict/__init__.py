"""Judge records: a pure function from a record to a verdict (docs/explanation/verdict.md)."""

from kubedrill.verdict.judge import combine, judge

__all__ = ["combine", "judge"]
