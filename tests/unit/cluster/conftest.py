"""A real SSH server on loopback (paramiko's) that runs commands as the test's user."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import paramiko
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


USERS = ("root", "drill")
"""Both run commands as the test's user; kubedrill asks sudo for the second."""


class _Door(paramiko.ServerInterface):
    """Lets one key in and runs what it asks for."""

    def __init__(self, allowed: paramiko.PKey, answering: threading.Event) -> None:
        self.allowed, self.answering = allowed, answering

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        welcome = username in USERS and key.get_base64() == self.allowed.get_base64()
        return paramiko.AUTH_SUCCESSFUL if welcome else paramiko.AUTH_FAILED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.answering.wait()
        threading.Thread(target=_execute, args=(channel, command.decode()), daemon=True).start()
        return True


def _execute(channel: paramiko.Channel, command: str) -> None:
    stdin = channel.makefile("rb").read()
    done = subprocess.run(["sh", "-c", command], input=stdin, capture_output=True, check=False)
    with contextlib.suppress(OSError, paramiko.SSHException):
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()


class SshServer:
    """Listens on a free port of 127.0.0.1; ``sessions`` counts connections.

    While ``answering`` is cleared, a request to run a command gets no reply.
    """

    def __init__(self, directory: Path) -> None:
        self.host_key = paramiko.RSAKey.generate(2048)
        client_key = paramiko.RSAKey.generate(2048)
        self.key_file = directory / "client.key"
        client_key.write_private_key_file(str(self.key_file))
        self.allowed = client_key
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.known_hosts = directory / "known_hosts"
        self.trust(self.host_key)
        self.sessions = 0
        self.answering = threading.Event()
        self.answering.set()
        self.transports: list[paramiko.Transport] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def trust(self, key: Any) -> None:
        self.known_hosts.write_text(
            f"[127.0.0.1]:{self.port} {key.get_name()} {key.get_base64()}\n", encoding="utf-8"
        )

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.sessions += 1
                transport = paramiko.Transport(connection)
                transport.add_server_key(self.host_key)
                self.transports.append(transport)
                # With an event the handshake goes on beside: a client that hung up must not keep
                # the next one waiting.
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    door = _Door(self.allowed, self.answering)
                    transport.start_server(event=threading.Event(), server=door)

    def drop(self) -> None:
        """Cut all connections, as a power cut would."""
        for transport in self.transports:
            transport.close()

    def close(self) -> None:
        # First end the thread's accept: the kernel may restart it, by the number of a descriptor
        # that is another server's by then.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        self.drop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    running = SshServer(tmp_path_factory.mktemp("ssh"))
    yield running
    running.close()
