"""Starts Docker's daemon on a host that has no service manager to do it.

It outlives the shell that started it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kubedrill.bundle.cache import cache_root
from kubedrill.bundle.errors import BuildFailed, MissingTools
from kubedrill.local import programs
from kubedrill.local.node_image import DOCKER

if TYPE_CHECKING:
    from collections.abc import Sequence

START_TIMEOUT_S = 60.0
"""Seconds for dockerd to say that it is ready: 2 s on an idle machine."""
_ANSWER_TIMEOUT_S = 30.0
_PERMISSION = "permission denied"


def daemon_problem() -> str:
    """Return why the Docker daemon does not answer this user, in Docker's own words.

    "" when it does.
    """
    try:
        asked = subprocess.run(
            [DOCKER, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        return f"{DOCKER} is not installed"
    except subprocess.TimeoutExpired:
        return f"no answer within {_ANSWER_TIMEOUT_S:g} s"
    return (
        ""
        if asked.returncode == 0
        else (asked.stderr.strip() or f"docker ended with {asked.returncode}")
    )


def ensure_daemon() -> None:
    """Return when a Docker daemon answers; start one in the background where nothing else can.

    Its log and its process id stand in the cache's ``docker/`` folder.

    Raises:
        MissingTools: Docker is not installed, or this user may not use it; names the command that
            helps.
        BuildFailed: the daemon ended, or was not ready in time; carries its last words.
    """
    problem = daemon_problem()
    if not problem:
        return
    if not Path(DOCKER).exists():
        raise MissingTools([f"docker: {problem}; install it: make setup"])
    if _PERMISSION in problem.lower():
        raise MissingTools(
            ["docker: you may not use it; run: sudo usermod -aG docker $USER, then log in again"]
        )
    if Path("/run/systemd/system").exists():
        _run_service_manager()
    else:
        _start_in_background()
    if problem := daemon_problem():
        raise BuildFailed(
            f"Docker's daemon was started but does not answer: {problem}; run: kubedrill doctor"
        )


def _as_root(argv: Sequence[str]) -> list[str]:
    return list(argv) if os.geteuid() == 0 else ["sudo", "-n", *argv]


def _run_service_manager() -> None:
    done = subprocess.run(
        _as_root(["systemctl", "start", "docker"]), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildFailed(
            f"`systemctl start docker` failed:\n{done.stderr.strip()}\nSee: journalctl -u docker"
        )


def _start_in_background() -> None:
    folder = cache_root() / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "dockerd.log"
    with (
        tempfile.TemporaryDirectory() as scratch,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
    ):
        ready.bind(f"{scratch}/ready")
        ready.settimeout(0.5)
        argv = _as_root(["env", f"NOTIFY_SOCKET={scratch}/ready", "dockerd"])
        with log_path.open("ab") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        (folder / "dockerd.pid").write_text(f"{child.pid}\n")
        _await_ready(child, ready, log_path)


def _await_ready(child: subprocess.Popen[bytes], ready: socket.socket, log_path: Path) -> None:
    """Wait until dockerd is ready (systemd's notification protocol), its end, or the deadline."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if b"READY=1" in ready.recv(4096):
                return
        except TimeoutError:
            continue
    ended = (
        f"ended with {child.returncode}"
        if child.returncode is not None
        else f"not ready in {START_TIMEOUT_S:g} s"
    )
    words = "\n".join(log_path.read_text(errors="replace").splitlines()[-8:])
    raise BuildFailed(f"dockerd {ended}; the end of {log_path}:\n{words}")


@click.command()
def main() -> None:
    """Return when a Docker daemon answers."""
    ensure_daemon()


if __name__ == "__main__":
    programs.run(main)
