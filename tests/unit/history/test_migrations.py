"""Old databases are brought up to date.

Those of others, and of a newer kubedrill, are left alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from nights import drill_entry, run_document
from sqlalchemy import MetaData, create_engine, insert, text

from kubedrill.base.errors import UsageError
from kubedrill.history import migrate, schema
from kubedrill.history.lines import read_lines
from kubedrill.history.nights import all_series
from kubedrill.history.read import read_document
from kubedrill.history.store import History, Outcome

BEFORE = Path(__file__).parents[2] / "records" / "before"
RUN = run_document([drill_entry()])


def change(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def fill(url: str, version: str) -> None:
    """Make a database as kubedrill 0.1 made it, with the rows that it wrote."""
    engine = create_engine(url)
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        tables = MetaData()
        tables.reflect(connection)
        for name, rows in json.loads((BEFORE / "tables-r0002.json").read_text("utf-8")).items():
            connection.execute(insert(tables.tables[name]), rows)
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


@pytest.mark.parametrize("version", ["r0001", "r0002"])
def test_a_database_of_before_is_migrated_and_keeps_its_runs(database: str, version: str) -> None:
    """The rows are those that kubedrill 0.1 wrote of these runs, and exported as these lines."""
    fill(database, version)
    assert ask(database, "SELECT version_num FROM alembic_version") == [(version,)]
    with History.open(database) as history:
        runs = history.runs()
        exported, mistakes = read_lines(BEFORE / "history.jsonl")
        assert not mistakes
        assert {run.run: run for run in runs} == {run.run: run for run in exported}
        assert len(runs) == 6
        assert runs[0].not_run[0].reason == "one node"
        [odd] = [drill for run in runs for drill in run.drills if drill.name == "drain-blocked"]
        assert odd.failed_checks == ("healthy after", "no residue")
        assert [check.id for check in odd.checks] == ["healthy-after", "no-leftovers"]
        assert (odd.control, odd.host_facts) == (None, {"cpus": 2, "deep": [1, {"a": None}]})
        assert [limit.measured.longest_s for limit in odd.predicted] == [0.1 + 0.2, 0]
    assert ask(database, "SELECT version_num FROM alembic_version") == [(migrate.head(),)]


@pytest.mark.parametrize("version", ["r0001", "r0002"])
def test_a_migration_takes_out_the_secrets_of_before(database: str, version: str) -> None:
    fill(database, version)
    change(
        database,
        "UPDATE drills SET reason = 'login failed, password: Hunter2-Planted'",
        "UPDATE not_run SET reason = 'login failed, password: Hunter2-Planted'",
    )
    with History.open(database):
        pass
    documents = "".join(row for (row,) in ask(database, "SELECT document FROM runs"))
    assert "Hunter2" not in documents
    assert "login failed, password: [redacted]" in documents


def test_a_run_of_before_is_the_same_when_it_is_added_again(database: str) -> None:
    fill(database, "r0002")
    with History.open(database) as history:
        document = read_document(BEFORE / "20261121T043000Z-7")
        assert history.add([document]) == [Outcome.SAME]
        [stored] = [run for run in history.runs() if run.run == document.run]
        assert stored == document.condensed()


def test_trends_of_before_are_the_trends_of_the_same_runs_now(database: str) -> None:
    fill(database, "r0002")
    with History.open(database) as history:
        keys = {series.key for series in all_series(history.runs())}
    assert ("1.35", "1.36", "3+2", "cilium", "lab", "shop", "cluster-upgrade") in keys
    assert ("1.35", "1.35", "5 nodes", "unknown", "unknown", "unknown", "failover-vip") in keys


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
