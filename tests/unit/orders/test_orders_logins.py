"""Logins that are rotated.

Who may log in to a real database, and how clients of a real queue come back.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from orders_stack import APP, COMMON, Program, until
from ports import free_ports
from psycopg import OperationalError, connect, errors

sys.path.insert(0, str(APP))
sys.path.insert(0, str(COMMON))

from broker import Broker
from settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("orders")

RUN = (
    "import asyncio; from settings import read_settings; from migration import migrate; "
    "print(asyncio.run(migrate(read_settings())))"
)


class Database:
    """A database whose owner may make roles and nothing more, as in the cluster."""

    def __init__(self, server: str, secrets: Path) -> None:
        self.folder = parse_qs(urlsplit(server.replace("{}", "x")).query)["host"][0]
        self.name, self.secrets = f"logins_{os.getpid()}", secrets
        self.group, self.a, self.b = (f"{self.name}_{end}" for end in ("app", "app_a", "app_b"))
        with self.connect("drills", "postgres") as admin:
            admin.execute(f"CREATE ROLE {self.name} LOGIN CREATEROLE PASSWORD 'p'")
            admin.execute(f"CREATE DATABASE {self.name} OWNER {self.name}")
            admin.execute(f"REVOKE ALL ON DATABASE {self.name} FROM PUBLIC")

    def connect(self, user: str, name: str = "") -> Any:
        return connect(
            f"host={self.folder} user={user} dbname={name or self.name}", autocommit=True
        )

    def start_migration(self, login: str, following: str = "") -> subprocess.Popen[str]:
        (self.secrets / "database-login").write_text(f"{self.name}:p")
        (self.secrets / "database-member").write_text(login)
        (self.secrets / "database-next-member").write_text(following)
        env = {
            "PYTHONPATH": f"{APP}:{COMMON}",
            "NATS_URLS": "nats://none",
            "DATABASE": f"host={self.folder} dbname={self.name}",
            "DATABASE_ROLE": self.group,
            "DATABASE_MEMBERS": f"{self.a},{self.b}",
            "SECRETS_DIR": str(self.secrets),
        }
        argv = [sys.executable, "-c", RUN]
        return subprocess.Popen(
            argv,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def migrate(self, login: str, following: str = "") -> str:
        process = self.start_migration(login, following)
        output, _ = process.communicate(timeout=90)
        assert process.returncode == 0, output
        return output

    def verifier(self, user: str) -> str:
        with self.connect("drills") as admin:
            result = admin.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname = %s", [user]
            ).fetchone()
        return str(result[0]) if result else ""


@pytest.fixture(scope="module")
def database(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Database:
    return Database(postgres_server, tmp_path_factory.mktemp("secrets"))


def test_the_migration_lets_in_whom_the_secret_has_and_shuts_out_whom_it_had(
    database: Database,
) -> None:
    a, b = database.a, database.b
    assert f"{a} may log in" in database.migrate(f"{a}:one")
    with database.connect(a) as app:
        assert app.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("DELETE FROM orders")
    first = database.verifier(a)
    assert first.startswith("SCRAM-SHA-256$")
    assert f"{b} may log in" in database.migrate(f"{a}:one", f"{b}:two")
    database.connect(a).close()
    with database.connect(b) as app:
        assert app.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    assert f"{a} may not" in database.migrate(f"{b}:two")
    with pytest.raises(OperationalError, match="not permitted to log in"):
        database.connect(a)
    assert database.verifier(a) == "None"
    assert "may" not in database.migrate(f"{b}:two"), "repeating it changes nothing"
    database.connect(b).close()
    database.migrate(f"{b}:two", f"{a}:three")
    assert database.verifier(a) not in ("None", first)


def test_nobody_is_shut_out_who_is_still_there(database: Database) -> None:
    a, b = database.a, database.b
    database.migrate(f"{a}:one", f"{b}:two")
    with database.connect(a):
        migration = database.start_migration(f"{b}:two")
        with database.connect("drills") as admin:
            asking = (
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE usename = %s AND query LIKE '%%pg_stat_activity%%'"
            )
            until(
                "it to ask who is there",
                lambda: admin.execute(asking, [database.name]).fetchone() != (0,),
            )
        database.connect(a).close()
        assert migration.poll() is None
    output, _ = migration.communicate(timeout=90)
    assert f"{a} may not" in output


@pytest.fixture
def queue(tmp_path: Path, nats_server: Path) -> Iterator[tuple[Program, Path, int, int]]:
    """One server with the manifests' two logins, and its ports for clients and monitoring."""
    port, monitor = free_ports(2)
    config = tmp_path / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{port}"\nhttp: "127.0.0.1:{monitor}"\nauthorization {{ users: ['
        '{ user: "orders_a", password: $PASSWORD_A }\n{ user: "orders_b", password: $PASSWORD_B }] '
        "}\n"
    )
    program = Program([str(nats_server), "-c", str(config)], tmp_path / "log")
    program.env = {"PASSWORD_A": "pa1", "PASSWORD_B": "pb1"}
    login = tmp_path / "queue-login"
    login.write_text("orders_a:pa1")
    yield program.start(), login, port, monitor
    program.stop()


def test_a_client_comes_back_with_the_login_that_is_mounted_then(
    queue: tuple[Program, Path, int, int],
) -> None:
    server, login, port, monitor = queue

    def users() -> list[str]:
        with urlopen(f"http://127.0.0.1:{monitor}/connz?auth=1&limit=1024", timeout=30) as answer:
            return [client["authorized_user"] for client in json.load(answer)["connections"]]

    async def rotate() -> None:
        values = dict.fromkeys(Settings.__dataclass_fields__)
        settings = Settings(
            **{**values, "nats_urls": (f"nats://127.0.0.1:{port}",), "nats_login_file": login}
        )  # type: ignore[arg-type]
        broker = await Broker.connect(settings, "test")
        assert await asyncio.to_thread(users) == ["orders_a"], (
            "what a rotation asks before it shuts a login out"
        )
        login.write_text("orders_b:pb1")
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(until, "the client to notice", lambda: not broker.connected)
        server.env["PASSWORD_A"] = "pa2"
        server.start()
        await asyncio.to_thread(until, "the client to be back", lambda: broker.connected)
        assert await asyncio.to_thread(users) == ["orders_b"]
        await broker.close()

    asyncio.run(rotate())
    assert "orders_a" not in (log := server.output()), log
