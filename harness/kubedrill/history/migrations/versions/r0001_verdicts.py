"""Runs, drills, budgets and what was not run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_runs"),
    )
    op.create_table(
        "drills",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("name", "verdict", "reason", "started")
        ),
        sa.Column("lasted_s", sa.Double, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("ended", "before", "after")),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("topology", "network", "host", "app")
        ),
        sa.Column("nodes", sa.JSON, nullable=False),
        sa.Column("tool_version", sa.Text, nullable=False),
        sa.Column("samples", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("worst_lateness_ms", sa.Double, nullable=False),
        sa.Column("host_lateness_ms", sa.Double, nullable=False),
        sa.Column("tick_s", sa.Double, nullable=False),
        sa.Column("control", sa.JSON(none_as_null=True)),
        sa.Column("failed_checks", sa.JSON, nullable=False),
        sa.Column("host_facts", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run", "position", name="pk_drills"),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_drills_runs", ondelete="CASCADE"),
    )
    _details()


def _details() -> None:
    op.create_table(
        "budgets",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("place", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("probes", sa.Text, nullable=False),
        sa.Column("limit_s", sa.Double, nullable=False),
        sa.Column("max_failed", sa.BigInteger),
        *(
            sa.Column(name, sa.Double, nullable=False)
            for name in ("predicted_s", "shortest_s", "longest_s")
        ),
        sa.Column("open_ended", sa.Boolean, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "position", "place", name="pk_budgets"),
        sa.ForeignKeyConstraint(
            ["run", "position"],
            ["drills.run", "drills.position"],
            name="fk_budgets_drills",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "not_run",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "name", name="pk_not_run"),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_not_run_runs", ondelete="CASCADE"),
    )
