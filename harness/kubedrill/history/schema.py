"""The tables as the newest migration leaves them. A test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

runs = Table(
    "runs",
    metadata,
    Column("run", Text, primary_key=True),
    Column("cluster", Text, nullable=False),
    Column("seed", BigInteger),
    Column("verdict", Text, nullable=False),
)

drills = Table(
    "drills",
    metadata,
    Column("run", Text, ForeignKey("runs.run", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column(
        "started", Text, nullable=False
    ),  # ISO 8601 UTC: the same in both databases, and it sorts
    Column("lasted_s", Double, nullable=False),
    Column("ended", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("topology", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("nodes", JSON, nullable=False),
    Column("tool_version", Text, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("worst_lateness_ms", Double, nullable=False),
    Column("host_lateness_ms", Double, nullable=False),
    Column("tick_s", Double, nullable=False),
    Column("control", JSON(none_as_null=True)),
    Column("failed_checks", JSON, nullable=False),
    Column("host_facts", JSON, nullable=False),
    Index(None, "before", "after", "topology", "network", "host", "app", "name"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("run", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("probes", Text, nullable=False),
    Column("limit_s", Double, nullable=False),
    Column("max_failed", BigInteger),
    Column("predicted_s", Double, nullable=False),
    Column("shortest_s", Double, nullable=False),
    Column("longest_s", Double, nullable=False),
    Column("open_ended", Boolean, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    ForeignKeyConstraint(
        ["run", "position"], ["drills.run", "drills.position"], ondelete="CASCADE"
    ),
)

not_run = Table(
    "not_run",
    metadata,
    Column("run", Text, ForeignKey("runs.run", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("reason", Text, nullable=False),
)
