"""Judge records: a pure function from a record to a verdict (docs/explanation/verdict.md)."""

from kubedrill.verdict.judge import judge

__all__ = ["judge"]
