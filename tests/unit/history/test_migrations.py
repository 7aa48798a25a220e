"""Old databases are brought up to date.

Those of others, and of a newer kubedrill, are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from nights import drill_entry, run_entry
from sqlalchemy import create_engine, text

from kubedrill.base.errors import UsageError
from kubedrill.history import migrate, schema
from kubedrill.history.store import History, _write

if TYPE_CHECKING:
    from pathlib import Path

RUN = run_entry([drill_entry()])


def change(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def ask(url: str, query: str) -> list[Any]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return rows


def test_the_migrations_make_the_tables_that_the_code_uses(database: str) -> None:
    with History.open(database, create=True):
        pass
    engine = create_engine(database)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()


def test_a_database_of_the_first_version_is_migrated_and_keeps_its_runs(database: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "r0001")
        _write(connection, RUN)
    engine.dispose()
    assert ask(database, "SELECT version_num FROM alembic_version") == [("r0001",)]
    with History.open(database) as history:
        assert history.runs() == [RUN]
    assert ask(database, "SELECT version_num FROM alembic_version") == [(migrate.head(),)]


def test_a_database_of_a_newer_kubedrill_is_refused_untouched(
    database: str, tmp_path: Path
) -> None:
    with History.open(database, create=True) as history:
        history.add([RUN])
    change(
        database,
        "UPDATE alembic_version SET version_num = 'r9001'",
        "ALTER TABLE runs ADD COLUMN mood TEXT",
    )
    path = tmp_path / "history.db"
    before = (path.read_bytes(), path.stat().st_mtime_ns) if path.exists() else None
    for create in (False, True):
        with pytest.raises(UsageError) as caught, History.open(database, create=create):
            pass
        assert caught.value.exit_code == 2
        assert (
            f"its schema is r9001, this one knows up to {migrate.head()}. It was not touched"
            in str(caught.value)
        )
    assert before == ((path.read_bytes(), path.stat().st_mtime_ns) if path.exists() else None)
    assert ask(database, "SELECT version_num FROM alembic_version") == [("r9001",)]
    assert ask(database, "SELECT run, mood FROM runs") == [(RUN.run, None)]


def test_a_database_of_something_else_is_refused_untouched(database: str) -> None:
    change(database, "CREATE TABLE customers (name TEXT)", "INSERT INTO customers VALUES ('Ada')")
    with pytest.raises(
        UsageError, match=r"no history of kubedrill: found the tables customers.*not touched"
    ):
        History.open(database, create=True).__enter__()
    assert ask(database, "SELECT name FROM customers") == [("Ada",)]


def test_a_migration_that_is_cut_leaves_the_database_as_it_was(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def cut(config: Any, target: str) -> None:
        upgrade(config, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate.command, "upgrade", cut)
    with pytest.raises(KeyboardInterrupt):
        History.open(database, create=True).__enter__()
    monkeypatch.undo()
    with History.open(database, create=True) as history:
        history.add([RUN])
        assert history.runs() == [RUN]


def test_a_database_that_is_up_to_date_is_not_written_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with History.open(f"sqlite:///{path}", create=True) as history:
        history.add([RUN])
    before = path.read_bytes()
    path.chmod(0o444)
    with History.open(f"sqlite:///{path}") as history:
        assert history.runs() == [RUN]
    assert path.read_bytes() == before
