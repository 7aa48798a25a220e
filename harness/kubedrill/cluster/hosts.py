"""Commands on the nodes over SSH (paramiko, host keys checked), and testinfra by the same keys."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import paramiko
import testinfra

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.ssh_command import CommandResult, collect, start
from kubedrill.cluster.ssh_connect import HostUnreachable, connect, words
from kubedrill.cluster.ssh_options import SshOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from kubedrill.base.model import Node
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

GRACE_S = 5.0
"""Seconds that the remote ``timeout`` has to end a command before the harness stops listening."""

REUSED_S = 3.0
"""Seconds that an open connection gets to start a command; then it counts as dead (a power cut) and
is replaced."""

__all__ = ["CommandResult", "HostUnreachable", "Hosts", "command_line", "shorten"]

_TIMED_OUT = (124, 137)
"""Exit codes of ``timeout``: asked to end, and killed."""


class Hosts:
    """SSH to every host of an inventory.

    One connection a node, reused, safe to use from several threads.

    Use it as a context manager: connections, the generated SSH configuration and control sockets go
    with it.
    """

    def __init__(self, inventory: Inventory, settings: Settings) -> None:
        self.inventory = inventory
        self.settings = settings
        self._clients: dict[str, paramiko.SSHClient] = {}
        self._replaced: list[paramiko.SSHClient] = []
        self._locks = {node.name: threading.Lock() for node in inventory.machines}
        self._directory = tempfile.TemporaryDirectory(prefix="kubedrill-ssh-")
        self._testinfra: dict[str, Any] = {}

    def read(  # noqa: PLR0913 - as subprocess.run
        self,
        node: Node | str,
        argv: Sequence[str] | str,
        timeout_s: float | None = None,
        *,
        check: bool = True,
        sudo: bool = True,
        stdin: str = "",
    ) -> CommandResult:
        """Run a command as root that changes nothing on the node.

        ``argv`` as a list is passed word by word; as a string it goes to ``sh``. After
        ``timeout_s`` seconds (default: timeouts.ssh_command) the command is ended on the node too.
        With ``check=False`` the result is returned whatever its exit code. A trial that leaves
        nothing behind (in a network namespace of its own) reads.

        Raises:
            HostUnreachable: no SSH connection.
            DeadlineExceeded: the command did not end in time.
            StepFailed: it ended with another code than 0, or sudo asks for a password.
        """
        return self._run(self._node(node), argv, timeout_s, check=check, sudo=sudo, stdin=stdin)

    def change(
        self,
        node: Node | str,
        argv: Sequence[str] | str,
        timeout_s: float | None = None,
        *,
        check: bool = True,
        stdin: str = "",
    ) -> CommandResult:
        """Run a command as root that changes the node; otherwise as :meth:`read`.

        A dry run refuses it (:class:`~kubedrill.cluster.read_only.ReadOnlyHosts`).
        """
        return self._run(self._node(node), argv, timeout_s, check=check, sudo=True, stdin=stdin)

    def _run(  # noqa: PLR0913 - same
        self,
        node: Node,
        argv: Sequence[str] | str,
        timeout_s: float | None,
        *,
        check: bool,
        sudo: bool,
        stdin: str,
    ) -> CommandResult:
        seconds = self.settings.timeouts.ssh_command if timeout_s is None else timeout_s
        user = SshOptions.of(node).user
        line = command_line(argv, seconds, as_root=sudo and user != "root")
        try:
            result = self._exchange(node, line, seconds + GRACE_S, stdin)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"{node.name} to run {shorten(argv)}", seconds, "ssh_command", str(error)
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise HostUnreachable(
                f"{node.name} ({node.address}): the SSH connection broke: {words(error)}"
            ) from error
        errors = result.stderr.strip()
        if result.rc == 1 and result.stderr.startswith("sudo: "):
            raise StepFailed(
                f"{node.name}: {errors}; allow {user} sudo without a password (NOPASSWD)"
            )
        if result.rc in _TIMED_OUT:
            seen = f"last seen: {errors[-200:]}" if errors else ""
            raise DeadlineExceeded(
                f"{node.name} to run {shorten(argv)}", seconds, "ssh_command", seen
            )
        if check and not result.ok:
            output = (errors or result.stdout.strip() or "no output")[-500:]
            raise StepFailed(
                f"{node.name}: {shorten(argv)} ended with {result.rc}, expected 0: {output}"
            )
        return result

    def reachable(self, node: Node | str) -> bool:
        """Whether the node runs a command over SSH now."""
        try:
            seconds = self.settings.timeouts.ssh_connect
            return self.read(node, ["true"], seconds, check=False).ok
        except (HostUnreachable, DeadlineExceeded):
            return False

    def testinfra(self, node: Node | str) -> Any:
        """Return the testinfra host of a node.

        OpenSSH with the inventory's key and known hosts, sudo where needed.
        """
        node = self._node(node)
        if node.name not in self._testinfra:
            config = Path(self._directory.name) / f"{node.name}.conf"
            control = Path(self._directory.name) / f"{node.name}.sock"
            options = SshOptions.of(node)
            config.write_text(
                options.config_block(node.name) + f'  ControlPath "{control}"\n', encoding="utf-8"
            )
            self._testinfra[node.name] = testinfra.get_host(
                f"ssh://{node.name}",
                ssh_config=str(config),
                timeout=int(self.settings.timeouts.ssh_connect),
                sudo=options.user != "root",
            )
        return self._testinfra[node.name]

    def forget(self, node: Node | str) -> None:
        """Drop the connection to a node.

        After its power was cut it would only be noticed as dead much later.
        """
        self._forget(self._node(node))

    def close(self) -> None:
        """Close all connections and remove the generated files."""
        for host in self._testinfra.values():
            with contextlib.suppress(RuntimeError):
                host.backend.run_local(
                    "ssh -F %s -O exit %s", host.backend.ssh_config, host.backend.host.name
                )
        self._testinfra.clear()
        for node in self.inventory.machines:
            self._forget(node)
        for client in self._replaced:
            client.close()
        self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _node(self, node: Node | str) -> Node:
        return self.inventory.node(node) if isinstance(node, str) else node

    def _forget(self, node: Node) -> None:
        with self._locks[node.name]:
            client = self._clients.pop(node.name, None)
        if client is not None:
            client.close()

    def _replace(self, node: Node, client: paramiko.SSHClient) -> None:
        """Connect anew from now on.

        This connection is closed at the end: other threads may have commands on it.
        """
        with self._locks[node.name]:
            if self._clients.get(node.name) is client:
                self._replaced.append(self._clients.pop(node.name))

    def _exchange(self, node: Node, line: str, seconds: float, stdin: str) -> CommandResult:
        client, channel = self._channel(node)
        channel.settimeout(seconds)
        try:
            start(channel, line, stdin, seconds)
        except TimeoutError:
            self._replace(node, client)  # not closed here: that may wait for the server too
            raise
        except BaseException:
            channel.close()
            raise
        try:
            return collect(channel, seconds)
        finally:
            channel.close()

    def _channel(self, node: Node) -> tuple[paramiko.SSHClient, paramiko.Channel]:
        """Open a channel; returns the connection too.

        A connection that died since its last use is replaced once, before anything ran.
        """
        seconds = self.settings.timeouts.ssh_connect
        for fresh in (False, True):
            client, reused = self._client(node)
            try:
                return client, _session(client, min(seconds, REUSED_S) if reused else seconds)
            except (paramiko.SSHException, EOFError, OSError) as error:
                self._replace(node, client)
                if fresh or not reused:
                    raise HostUnreachable(
                        f"{node.name} ({node.address}) opened no session: {words(error)}"
                    ) from error
        raise AssertionError("the loop above returns or raises")

    def _client(self, node: Node) -> tuple[paramiko.SSHClient, bool]:
        with self._locks[node.name]:
            client = self._clients.get(node.name)
            if client is not None:
                transport = client.get_transport()
                if transport is not None and transport.is_active():
                    return client, True
                client.close()
            self._clients[node.name] = connect(
                node, SshOptions.of(node), self.settings.timeouts.ssh_connect
            )
            return self._clients[node.name], False


def command_line(argv: Sequence[str] | str, seconds: float, *, as_root: bool) -> str:
    """The line for the remote shell.

    Bounded on the node by coreutils' ``timeout``, as root through sudo where asked.

    >>> command_line(["cat", "a b"], 5, as_root=True)
    "sudo -n -- env LC_ALL=C timeout -k 5 5 cat 'a b'"
    """
    words = ["sh", "-c", argv] if isinstance(argv, str) else list(argv)
    bounded = ["env", "LC_ALL=C", "timeout", "-k", f"{GRACE_S:g}", f"{seconds:g}", *words]
    return shlex.join(["sudo", "-n", "--", *bounded] if as_root else bounded)


def _session(client: paramiko.SSHClient, seconds: float) -> paramiko.Channel:
    transport = client.get_transport()
    if transport is None:
        raise paramiko.SSHException("not connected")
    return transport.open_session(timeout=seconds)


def shorten(argv: Sequence[str] | str) -> str:
    """Return a command as text for messages, at most 120 characters."""
    text = argv if isinstance(argv, str) else shlex.join(argv)
    return text if len(text) <= 120 else text[:117] + "..."
