"""What Alembic runs: the migrations, on kubedrill.history.migrate's connection."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
