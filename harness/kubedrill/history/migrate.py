"""Brings a database to the schema that this kubedrill knows.

One from a newer kubedrill is refused, untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from kubedrill.base.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOCK = 0x6B75_6264
"""Key of PostgreSQL's advisory lock around a migration ("kubd"): two at once would make the same
tables."""


def head() -> str:
    """The newest version of the schema that this kubedrill knows."""
    return str(_scripts().get_current_head())


def prepare(engine: Engine, where: str, *, create: bool) -> None:
    """Migrate an older database, make the tables of an empty one, and leave every other alone.

    Raises:
        UsageError: it is newer than this kubedrill, or something else's, or empty and ``create`` is
            not set.
    """
    with engine.connect() as connection:
        if not _outdated(connection, where, create=create):
            return
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if _outdated(connection, where, create=create):  # unless another process was first
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _outdated(connection: Connection, where: str, *, create: bool) -> bool:
    """Look at the version, writing nothing."""
    heads = set(MigrationContext.configure(connection).get_current_heads())
    scripts = _scripts()
    unknown = heads - {script.revision for script in scripts.walk_revisions()}
    newest = scripts.get_current_head()
    if unknown:
        raise UsageError(
            f"{where} was made by a newer kubedrill: its schema is {', '.join(sorted(unknown))}, "
            f"this one knows up to "
            f"{newest}. It was not touched. Use the newer kubedrill, or give another database with "
            f"--database."
        )
    if heads:
        return heads != {newest}
    tables = inspect(connection).get_table_names()
    if tables:
        raise UsageError(
            f"{where} is no history of kubedrill: found the tables "
            f"{', '.join(sorted(tables))[:200]}, expected none or "
            "kubedrill's own. It was not touched. Give another database with --database."
        )
    if not create:
        raise UsageError(
            f"{where} is empty: there is no history yet. Add a run: kubedrill history add latest"
        )
    return True


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "kubedrill.history:migrations")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
