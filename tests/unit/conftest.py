"""Servers that several folders of unit tests share."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_S = "120"  # a crowded machine; a quiet one starts the server in 1-2 s


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a server on a socket in a temporary folder, as an unprivileged user.

    Its URL has a place for a name.
    """
    programs = _programs()
    if programs is None:
        pytest.skip(
            "no initdb here: install PostgreSQL (Debian: apt-get install postgresql) to test on "
            "it "
            "too"
        )
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="kubedrill-pg-", dir="/tmp"))
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    owner: dict[str, Any] = (
        {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    )

    def call(program: str, *words: str) -> None:
        done = subprocess.run(
            [programs / program, *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            **owner,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    data, log = str(folder / "data"), str(folder / "log")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    try:
        call("initdb", "-D", data, "-U", "drills", "-A", "trust", "-E", "UTF8", "--no-locale")
        call("pg_ctl", "-D", data, "-l", log, "-w", "-t", _PATIENCE_S, "-o", options, "start")
        try:
            yield f"postgresql+psycopg://drills@/{{}}?host={folder}"
        finally:
            call("pg_ctl", "-D", data, "-w", "-t", _PATIENCE_S, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    result = shutil.which("initdb")
    if result:
        return Path(result).resolve().parent
    return next(
        (
            path.parent
            for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
        ),
        None,
    )


def _user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses root: then its own user, or nobody. None: whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
