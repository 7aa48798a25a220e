"""Real OpenSSH servers, agents and keys on loopback, for ways that only OpenSSH knows."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from ports import free_port

from kubedrill.base.waits import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SSHD = "/usr/sbin/sshd"
USER = getpass.getuser()
PATIENCE_S = 60.0

needs_sshd = pytest.mark.skipif(not Path(SSHD).exists(), reason="needs openssh-server")


def make_key(path: Path, passphrase: str = "") -> Path:
    """A key pair, the private half in ``path``."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


class Sshd:
    """A server that lets the test's user in with one key. ``known`` is its line of known_hosts."""

    def __init__(self, folder: Path, name: str, key: Path, *options: str) -> None:
        self.folder, self.name = folder, name
        self.port = free_port()
        self.host_key = make_key(folder / f"{name}.host")
        allowed = folder / f"{name}.authorized"
        shutil.copy(key.with_name(f"{key.name}.pub"), allowed)
        self.log = folder / f"{name}.log"
        self.config = folder / f"{name}.conf"
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {allowed}",
            f"PidFile {folder / name}.pid",
            "LogLevel VERBOSE",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "StrictModes no",
            "UsePAM no",
            *options,
        ]
        self.config.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [SSHD, "-D", "-f", str(self.config), "-E", str(self.log)], start_new_session=True
        )
        wait_for("sshd", self._listens, seconds=PATIENCE_S, setting="test", poll_s=0.02)

    @property
    def known(self) -> str:
        kind, key, *_ = Path(f"{self.host_key}.pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def _listens(self) -> bool | None:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return True if probe.connect_ex(("127.0.0.1", self.port)) == 0 else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to all its sessions."""
        parent = psutil.Process(self.process.pid)
        for process in [parent, *parent.children(recursive=True)]:
            process.send_signal(number)

    def close(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def agent_of(folder: Path, *keys: tuple[Path, str]) -> Iterator[Path]:
    """An ssh-agent that holds keys, each with its passphrase; gives its socket."""
    place = folder / "agent.sock"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        wait_for(
            "ssh-agent", lambda: place.exists() or None, seconds=PATIENCE_S, setting="test",
            poll_s=0.02,
        )  # fmt: skip
        for number, (key, passphrase) in enumerate(keys):
            answer = folder / f"askpass-{number}"
            answer.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
            answer.chmod(0o700)
            environment = {
                **os.environ,
                "SSH_AUTH_SOCK": str(place),
                "SSH_ASKPASS": str(answer),
                "SSH_ASKPASS_REQUIRE": "force",
            }
            subprocess.run(
                ["ssh-add", "-q", str(key)], env=environment, check=True, stdin=subprocess.DEVNULL
            )
        yield place
    finally:
        agent.kill()
        agent.wait()
