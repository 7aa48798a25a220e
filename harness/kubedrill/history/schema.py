"""The table as the newest migration leaves it. A test compares the two."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table, Text

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})

runs = Table(
    "runs",
    metadata,
    Column("run", Text, primary_key=True),
    Column("started", Text, nullable=False),  # ISO 8601 UTC: it sorts; empty: no drill was run
    Column("cluster", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("document", Text, nullable=False),  # JSON, kubedrill.base.document.RunDocument
)
