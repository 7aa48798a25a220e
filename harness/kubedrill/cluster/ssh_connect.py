"""One SSH connection by paramiko.

The host's key is checked, and each refusal has an error that explains it.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

import paramiko

from kubedrill.base.errors import Unreachable
from kubedrill.cluster import ssh_words
from kubedrill.cluster.ssh_keys import known_keys, offer

if TYPE_CHECKING:
    from types import TracebackType

    from kubedrill.base.model import Node
    from kubedrill.cluster.ssh_keys import Offer
    from kubedrill.cluster.ssh_options import SshOptions

END_S = 2.0
"""Seconds for a ProxyCommand to end once its connection is closed."""
LAST_WORDS_S = 0.5
"""Seconds for a ProxyCommand that hung up to say why."""
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class HostUnreachable(Unreachable):
    """A node did not answer over SSH, or refused the key: powered off, booting, or cut off."""


class UnknownHostKey(HostUnreachable):
    """A node's host key is in no file of known hosts."""


class ChangedHostKey(HostUnreachable):
    """A node shows another host key than the one that is known."""


class RefusedKeys(HostUnreachable):
    """A node lets the user in with none of the keys."""


@dataclass
class Line:
    """The bytes to and from a node: a TCP connection, or the program that makes one."""

    socket: socket.socket
    process: subprocess.Popen[bytes] | None = None
    errors: IO[bytes] | None = None

    @staticmethod
    def open(options: SshOptions, seconds: float) -> Line:
        """Connect within ``seconds``; a ProxyCommand is only started.

        Raises:
            OSError: nothing listens, the name does not resolve, or nothing answered in time.
        """
        if options.proxy_command is None:
            return Line(socket.create_connection((options.host, options.port), seconds))
        ours, theirs = socket.socketpair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the line
        with theirs:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {options.proxy_line}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for kubedrill, which still needs it to undo
            )
        ours.settimeout(seconds)
        return Line(ours, process, errors)

    def words(self) -> str:
        """The last line of what the program wrote, or how it ended; "" where there is none."""
        if self.errors is None or self.process is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(LAST_WORDS_S)
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").splitlines()
        code = self.process.returncode
        ending = "" if code is None else f"its ProxyCommand ended with {code}"
        return next((line.strip() for line in reversed(lines) if line.strip()), ending)

    def close(self) -> None:
        """Close it, and end the program with it."""
        self.socket.close()
        if self.process is None or self.errors is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.send_signal(number)
                self.process.wait(END_S)
                break
        self.errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Connection:
    """An open connection, on which sessions are opened."""

    def __init__(self, line: Line, transport: paramiko.Transport) -> None:
        self._line, self.transport = line, transport

    @property
    def is_active(self) -> bool:
        """Whether the other side has not hung up, as far as it is known."""
        return self.transport.is_active()

    def session(self, seconds: float) -> paramiko.Channel:
        """Open a session within ``seconds``."""
        return self.transport.open_session(timeout=seconds)

    def close(self) -> None:
        """Close it with all sessions on it."""
        self.transport.close()
        self._line.close()


def connect(node: Node, options: SshOptions, seconds: float) -> Connection:
    """Connect within ``seconds`` for each of TCP, handshake and authentication.

    Raises:
        HostUnreachable: says whether the network, the host's key or the user's key was the reason.
        ConfigErrors: the key that the inventory names cannot be used.
    """
    keys = offer(node, options)
    try:
        line = Line.open(options, seconds)
    except OSError as error:
        raise HostUnreachable(ssh_words.no_answer(node, options, error, seconds)) from error
    try:
        transport = paramiko.Transport(line.socket)
        transport.banner_timeout = transport.auth_timeout = seconds
        try:
            _handshake(transport, node, options, seconds)
            _authenticate(transport, node, options, keys)
        except BaseException:
            transport.close()
            raise
    except (paramiko.SSHException, EOFError, OSError) as error:
        text = ssh_words.no_handshake(node, options, error, line.words(), seconds)
        line.close()
        raise HostUnreachable(text) from error
    except BaseException:
        line.close()
        raise
    return Connection(line, transport)


def _handshake(
    transport: paramiko.Transport, node: Node, options: SshOptions, seconds: float
) -> None:
    known = [key for _, key in known_keys(options)]
    kinds = [
        kind
        for key in known
        for kind in (_RSA if key.get_name() == "ssh-rsa" else (key.get_name(),))
    ]
    security = transport.get_security_options()
    possible = security.key_types
    security.key_types = sorted(possible, key=lambda kind: kind not in kinds)
    transport.start_client(timeout=seconds)
    shown = transport.get_remote_server_key()
    if not known:
        raise UnknownHostKey(ssh_words.unknown_host_key(node, options, shown))
    if shown.asbytes() not in [key.asbytes() for key in known]:
        raise ChangedHostKey(ssh_words.changed_host_key(node, options, shown, known))


def _authenticate(
    transport: paramiko.Transport, node: Node, options: SshOptions, offered: Offer
) -> None:
    rest: list[str] | None = None
    for key in offered.keys:
        with contextlib.suppress(paramiko.AuthenticationException):
            rest = transport.auth_publickey(options.user, key)
            break
    if options.password is not None and rest != []:
        with contextlib.suppress(paramiko.AuthenticationException):
            rest = transport.auth_password(options.user, options.password)
    if rest is None:
        raise RefusedKeys(ssh_words.refused_keys(node, options, offered.sources))
    if rest:
        raise RefusedKeys(
            f"{node.name} ({options.who}) asks for {' and '.join(rest)} beside a key, which "
            "kubedrill cannot give; allow its user a key alone"
        )
