"""Writes and reads a record: one JSON array a line, append-only.

The format is told in docs/reference/record.md.
"""

from kubedrill.record.file import RecordWriter, now, read_record, read_run

__all__ = ["RecordWriter", "now", "read_record", "read_run"]
