"""Opens the history's database: a SQLite file or a PostgreSQL server, by URL."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path
from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from kubedrill.base.errors import NoHistory, StepFailed, UsageError
from kubedrill.base.files import make_private_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


def default_url() -> str:
    """The SQLite file in the user's data directory: ``~/.local/share/kubedrill/history.db``."""
    path = user_data_path("kubedrill", appauthor=False) / "history.db"
    return URL.create("sqlite", database=str(path)).render_as_string()


def parse_url(text: str) -> URL:
    """Read a database URL.

    Raises:
        UsageError: it is no URL of a SQLite file or a PostgreSQL database. A password in it is not
            shown.

    >>> str(parse_url("postgresql://drills@db.example/kubedrill"))
    'postgresql+psycopg://drills@db.example/kubedrill'
    """
    expected = "expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UsageError(
            f"the history's database: found something that is no URL, {expected}"
        ) from None
    dialect = url.drivername.split("+")[0]
    if dialect not in _DRIVERS:
        raise UsageError(f"the history's database: found a URL of {dialect!r}, {expected}")
    if dialect == "sqlite" and url.database in {None, "", ":memory:"}:
        raise UsageError(f"the history's database: found {shown(url)} without a file, {expected}")
    if dialect != "sqlite" and not url.database:
        raise UsageError(
            f"the history's database: found {shown(url)} without a database's name, {expected}"
        )
    return url.set(drivername=_DRIVERS[dialect])


def shown(url: URL) -> str:
    """The URL as a user would write it, with its password hidden."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def make_engine(url: URL, *, create: bool, timeout_s: float) -> Engine:
    """Make an engine; connects to nothing yet.

    ``timeout_s`` bounds the wait for a connection, for another writer, and for each statement
    (``timeouts.database``).

    Raises:
        NoHistory: the SQLite file is missing and ``create`` is not set.
        UsageError: its folder cannot be made.
    """
    if url.get_backend_name() == "sqlite":
        _find_file(Path(str(url.database)), create=create)
        engine = create_engine(url, connect_args={"timeout": timeout_s})
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
        return engine
    arguments = {
        name: value
        for name, value in _postgresql_arguments(timeout_s).items()
        if name not in url.query
    }
    engine = create_engine(url, connect_args=arguments)

    def connected(connection: Any, record: object) -> None:
        del record
        for setting in ("lock_timeout", "statement_timeout"):
            connection.execute(f"SET {setting} = {round(timeout_s * 1000)}")
        connection.commit()

    event.listen(engine, "connect", connected)
    return engine


def _postgresql_arguments(timeout_s: float) -> dict[str, int]:
    """What libpq gets, so that a server whose machine is gone is not waited for.

    One that lives bounds each statement itself (``statement_timeout``).
    """
    seconds = max(2, round(timeout_s))
    return {
        "connect_timeout": seconds,
        "tcp_user_timeout": seconds * 1000,
        "keepalives_idle": max(1, seconds // 3),
        "keepalives_interval": max(1, seconds // 6),
        "keepalives_count": 3,
    }


def _find_file(path: Path, *, create: bool) -> None:
    if path.exists():
        return
    if not create:
        raise NoHistory(f"{path}: there is no history yet. Add a run: kubedrill history add latest")
    try:
        make_private_folder(path.parent)
        open_private(path, append=True).close()  # SQLite would let everybody read it
    except OSError as error:
        raise UsageError(
            f"{path.parent}: cannot make the history's folder ({error.strerror}); give another "
            f"place with --database"
        ) from error


def _sqlite_connected(connection: Any, record: object) -> None:
    """Leave transactions to SQLAlchemy.

    Python's driver would begin its own, before an INSERT but not a SELECT.
    """
    del record
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # a row that is replaced may hold a secret


def _sqlite_begins(connection: Connection) -> None:
    """A writer takes its lock at once.

    One that asked later could find that what it read has changed.
    """
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def refused_clearly(where: str) -> Iterator[None]:
    """Turn what a database refuses into a sentence; nothing of a failed transaction is kept.

    Raises:
        StepFailed: the database refused; carries its own words.
    """
    try:
        yield
    except DBAPIError as error:
        words = " ".join(str(error.orig).split())
        raise StepFailed(
            f"the history's database {where} refused: {words}. Nothing was changed in it."
        ) from error
    except SQLAlchemyError as error:
        words = " ".join(str(error).split())
        raise StepFailed(f"the history's database {where} cannot be used: {words}") from error
