"""Settings from the environment. All mistakes are reported at once, before connecting."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Reader:
    """Reads variables and remembers what is wrong with them."""

    mistakes: list[str] = field(default_factory=list)

    def text(self, name: str, default: str = "") -> str:
        """Read a text; without a default it must be there."""
        value = os.environ.get(name, default)
        if not value:
            self.mistakes.append(f"{name} is not set")
        return value

    def number(self, name: str, default: str, *, at_least: float, at_most: float) -> float:
        """Read a number within bounds."""
        text = os.environ.get(name, default)
        try:
            value = float(text)
        except ValueError:
            value = at_least - 1
        if not at_least <= value <= at_most:
            self.mistakes.append(
                f"{name}={text!r}: expected a number from {at_least:g} to {at_most:g}"
            )
        return value


@dataclass(frozen=True)
class Settings:
    """Settings of the three programs: web, worker, migrate."""

    nats_urls: tuple[str, ...]
    nats_login_file: Path
    replicas: int
    """Copies of the stream, 1 to 5; also what the migration asks the queue for."""
    database: str
    """libpq's connection string, without user and password where the login has them."""
    database_login_file: Path
    database_role: str
    """The role whose members web and workers log in as; the migration grants it what they need.
    Empty: none."""
    database_members: tuple[str, ...]
    """All logins that may ever be a member of it; those that no mounted Secret has are shut out by
    the migration."""
    cache_url: str
    """Empty: there is no cache."""
    cache_password_file: Path
    http_port: int
    grpc_port: int
    listen: str
    drain_seconds: float
    greeting_file: Path


def read_settings() -> Settings:
    """Read the environment; exit 2 with every mistake where there are any."""
    read = Reader()
    secrets = Path(os.environ.get("SECRETS_DIR", "/etc/orders-secret"))
    settings = Settings(
        nats_urls=tuple(read.text("NATS_URLS").split(",")),
        nats_login_file=secrets / "queue-login",
        replicas=int(read.number("QUEUE_REPLICAS", "3", at_least=1, at_most=5)),
        database=read.text("DATABASE"),
        database_login_file=secrets / "database-login",
        database_role=os.environ.get("DATABASE_ROLE", ""),
        database_members=tuple(filter(None, os.environ.get("DATABASE_MEMBERS", "").split(","))),
        cache_url=os.environ.get("CACHE_URL", ""),
        cache_password_file=secrets / "cache-password",
        http_port=int(read.number("HTTP_PORT", "8080", at_least=0, at_most=65535)),
        grpc_port=int(read.number("GRPC_PORT", "9090", at_least=0, at_most=65535)),
        listen=os.environ.get("LISTEN_ADDRESS", "0.0.0.0"),  # noqa: S104 - a pod's own network
        drain_seconds=read.number("DRAIN_SECONDS", "5", at_least=0, at_most=15),
        greeting_file=Path(os.environ.get("GREETING_FILE", "/etc/orders/greeting")),
    )
    if read.mistakes:
        sys.stderr.write("".join(f"{mistake}\n" for mistake in read.mistakes))
        raise SystemExit(2)
    return settings


def secret(path: Path) -> str | None:
    """Return a mounted secret without its final newline; None where none is mounted."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        return None


def login(path: Path) -> dict[str, str]:
    """Return user and password of a mounted login (``user:password``).

    Nothing where none is mounted.

    One file and not two: the kubelet replaces it as a whole, so that they always belong together.
    """
    user, _, password = (secret(path) or "").partition(":")
    return {"user": user, "password": password} if user else {}
