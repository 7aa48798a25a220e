"""One command on an open SSH channel: sent, and its output read, each with a deadline."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass

import paramiko


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command on a node gave back."""

    rc: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the command ended with 0."""
        return self.rc == 0


def start(channel: paramiko.Channel, line: str, stdin: str, seconds: float) -> None:
    """Send a command and its input within ``seconds``.

    In a thread, because paramiko waits without a limit for the reply to the request, which a paused
    node never sends.

    Raises:
        TimeoutError: the server did not take it in time; the thread is left behind.
    """
    errors: list[Exception] = []

    def send() -> None:
        try:
            channel.exec_command(line)
            if stdin:
                channel.sendall(stdin.encode())
            channel.shutdown_write()
        except Exception as error:  # noqa: BLE001 - raised below, in the caller's thread
            errors.append(error)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    sender.join(seconds)
    if sender.is_alive():
        raise TimeoutError("its SSH server did not answer the request to run it")
    if errors:
        raise errors[0]


def collect(channel: paramiko.Channel, seconds: float) -> CommandResult:
    """Read what a command prints until it ends; each wait takes ``seconds`` at most."""
    stderr: list[bytes] = []

    def drain() -> None:
        with contextlib.suppress(OSError):
            while data := channel.recv_stderr(65536):
                stderr.append(data)

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    stdout = channel.makefile("rb").read()
    reader.join(seconds)
    if not channel.status_event.wait(seconds):
        raise TimeoutError
    code = channel.recv_exit_status()
    transport = channel.get_transport()
    if code < 0 and not (transport and transport.is_active()):
        raise paramiko.SSHException("it was closed before the command ended")
    return CommandResult(
        code, stdout.decode(errors="replace"), b"".join(stderr).decode(errors="replace")
    )
