"""Brings the database to this version's form: its tables, and who may log in."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection, sql
from settings import login
from store import DEADLINES

if TYPE_CHECKING:
    from settings import Settings

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
MIGRATION_LOCK = 7_301_002
MEMBERS = ("database-member", "database-next-member")
"""Files of the logins that are admitted: the one that web and workers have, and while it is rotated
a second one."""
RETRIES = 120
RETRY_S = 0.5


async def migrate(settings: Settings) -> list[str]:
    """Bring the database to this version's form, as its owner, and return what was done.

    Repeating it does nothing; of several at a time one works and the others wait.

    Raises:
        psycopg.Error: the database refused; it is as it was before the migration that failed.
        ValueError: a migration that was applied before is not the one that this version has.
        TimeoutError: a login that should be shut out is still in use.
    """
    done = []
    async with await AsyncConnection.connect(
        settings.database, **DEADLINES, **login(settings.database_login_file), autocommit=True
    ) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, sha256 text NOT NULL)"
        )
        applied = dict(
            await (await connection.execute("SELECT name, sha256 FROM migrations")).fetchall()
        )
        for path in sorted(MIGRATIONS.glob("*.sql")):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if path.name not in applied:
                async with connection.transaction():
                    await connection.execute(path.read_text(encoding="utf-8").encode())
                    await connection.execute(
                        "INSERT INTO migrations VALUES (%s, %s)", [path.name, digest]
                    )
                done.append(path.name)
            elif applied[path.name] != digest:
                raise ValueError(
                    f"{path.name} was applied with other contents: add a new migration, never "
                    "change an old one"
                )
        if settings.database_role:
            done += await _admit(connection, settings)
    return done


async def _admit(connection: AsyncConnection[Any], settings: Settings) -> list[str]:
    """Let exactly those log in whom the mounted Secret has, each with its password of now."""
    group = settings.database_role
    await _grant(connection, group)
    logins = [login(settings.database_login_file.with_name(name)) for name in MEMBERS]
    passwords = {one["user"]: one["password"] for one in logins if one}
    known = await (await connection.execute("SELECT rolname, rolcanlogin FROM pg_roles")).fetchall()
    roles = dict(known)
    for user, password in passwords.items():
        name = sql.Identifier(user)
        if user not in roles:
            await connection.execute(
                sql.SQL("CREATE ROLE {} IN ROLE {}").format(name, sql.Identifier(group))
            )
        # The server gets what it keeps, SCRAM's verifier, and never the password.
        hashed = connection.pgconn.encrypt_password(
            password.encode(), user.encode(), b"scram-sha-256"
        ).decode()
        await connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(hashed))
        )
    shut = [user for user in settings.database_members if roles.get(user) and user not in passwords]
    for user in shut:
        await _unused(connection, user)
        await connection.execute(
            sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(user))
        )
    return [f"{user} may log in" for user in passwords if not roles.get(user)] + [
        f"{user} may not" for user in shut
    ]


async def _unused(connection: AsyncConnection[Any], user: str) -> None:
    """Wait until that user has no session: pods that are stopping finish first.

    Raises:
        TimeoutError: after a minute somebody still is.
    """
    query = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
    for attempt in range(1, RETRIES + 1):
        row = await (await connection.execute(query, [user])).fetchone()
        if row == (0,):
            return
        if attempt == RETRIES:
            raise TimeoutError(f"{user} is still logged in: {row}")
        await asyncio.sleep(RETRY_S)


async def _grant(connection: AsyncConnection[Any], role: str) -> None:
    """Give the role of web and workers what they do, and no more: nothing is ever deleted."""
    name = sql.Identifier(role)
    known = await (
        await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    ).fetchone()
    if not known:
        await connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    database = sql.Identifier(connection.info.dbname)
    await connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name))
    await connection.execute(
        sql.SQL("GRANT SELECT, INSERT, UPDATE ON orders, unreadable TO {}").format(name)
    )
