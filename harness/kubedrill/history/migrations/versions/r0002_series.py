"""An index over what a series of nights is known by."""

from __future__ import annotations

from alembic import op

revision = "r0002"
down_revision = "r0001"

SERIES = ["before", "after", "topology", "network", "host", "app", "name"]


def upgrade() -> None:
    """Make the index."""
    op.create_index(f"ix_drills_{'_'.join(SERIES)}", "drills", SERIES)
