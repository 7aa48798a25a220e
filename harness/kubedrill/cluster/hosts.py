"""Commands on the nodes over SSH (paramiko, host keys checked), and testinfra by the same way."""

from __future__ import annotations

import shlex
import threading
from typing import TYPE_CHECKING, Any, Self

import paramiko
from testinfra.backend.base import BaseBackend
from testinfra.host import Host

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.ssh_command import CommandResult, collect, start
from kubedrill.cluster.ssh_connect import Connection, HostUnreachable, connect
from kubedrill.cluster.ssh_keys import words
from kubedrill.cluster.ssh_options import SshOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from kubedrill.base.model import Node
    from kubedrill.cluster.become import Become
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

GRACE_S = 5.0
"""Seconds that the remote ``timeout`` has to end a command before the harness stops listening."""

REUSED_S = 3.0
"""Seconds that an open connection gets to start a command; then it counts as dead (a power cut) and
is replaced."""

__all__ = ["CommandResult", "HostUnreachable", "Hosts", "command_line", "shorten"]

_ENVIRONMENT = ("LC_ALL=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
"""sudo's secure_path of the RHEL family has no /usr/local, where the cluster's programs are."""

_TIMED_OUT = (124, 137)
"""Exit codes of ``timeout``: asked to end, and killed."""


class SudoRefused(StepFailed):
    """A node lets the user in, and not become root."""


class Hosts:
    """SSH to every host of an inventory.

    One connection a node, reused, safe to use from several threads.

    Use it as a context manager: connections go with it.
    """

    def __init__(self, inventory: Inventory, settings: Settings) -> None:
        self.inventory = inventory
        self.settings = settings
        self._options: dict[str, SshOptions] = {}
        self._connections: dict[str, Connection] = {}
        self._replaced: list[Connection] = []
        self._locks = {node.name: threading.Lock() for node in inventory.machines}
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
        options = self.options(node)
        become = options.become if sudo and options.user != "root" else None
        line = command_line(argv, seconds, become)
        given = become.stdin(stdin) if become else stdin
        try:
            result = self._exchange(node, line, seconds + GRACE_S, given)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"{node.name} to run {shorten(argv)}", seconds, "ssh_command", str(error)
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise HostUnreachable(
                f"{node.name} ({node.ssh_address}): the SSH connection broke: {words(error)}"
            ) from error
        errors = result.stderr.strip()
        refusal = become.refusal(errors, options.user) if become and not result.ok else None
        if refusal:
            raise SudoRefused(f"{node.name} ({options.who}): {refusal}")
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

        It runs its commands as root by :meth:`read`.
        """
        node = self._node(node)
        if node.name not in self._testinfra:
            backend = _Backend(self, node)
            self._testinfra[node.name] = host = Host(backend)
            backend.set_host(host)
        return self._testinfra[node.name]

    def forget(self, node: Node | str) -> None:
        """Drop the connection to a node.

        After its power was cut it would only be noticed as dead much later.
        """
        self._forget(self._node(node))

    def close(self) -> None:
        """Close all connections."""
        for node in self.inventory.machines:
            self._forget(node)
        for connection in self._replaced:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def options(self, node: Node | str) -> SshOptions:
        """Return how a node is reached, read once.

        Raises:
            ConfigErrors: the inventory's variables, or OpenSSH's configuration, cannot be used.
        """
        node = self._node(node)
        if node.name not in self._options:
            self._options[node.name] = SshOptions.of(node)
        return self._options[node.name]

    def _node(self, node: Node | str) -> Node:
        return self.inventory.node(node) if isinstance(node, str) else node

    def _forget(self, node: Node) -> None:
        with self._locks[node.name]:
            connection = self._connections.pop(node.name, None)
        if connection is not None:
            connection.close()

    def _replace(self, node: Node, connection: Connection) -> None:
        """Connect anew from now on.

        This connection is closed at the end: other threads may have commands on it.
        """
        with self._locks[node.name]:
            if self._connections.get(node.name) is connection:
                self._replaced.append(self._connections.pop(node.name))

    def _exchange(self, node: Node, line: str, seconds: float, stdin: str) -> CommandResult:
        connection, channel = self._channel(node)
        channel.settimeout(seconds)
        try:
            start(channel, line, stdin, seconds)
        except TimeoutError:
            self._replace(node, connection)  # not closed here: that may wait for the server too
            raise
        except BaseException:
            channel.close()
            raise
        try:
            return collect(channel, seconds)
        finally:
            channel.close()

    def _channel(self, node: Node) -> tuple[Connection, paramiko.Channel]:
        """Open a channel; returns the connection too.

        A connection that died since its last use is replaced once, before anything ran.
        """
        seconds = self.settings.timeouts.ssh_connect
        for fresh in (False, True):
            connection, reused = self._connection(node)
            try:
                limit = min(seconds, REUSED_S) if reused else seconds
                return connection, connection.session(limit)
            except (paramiko.SSHException, EOFError, OSError) as error:
                self._replace(node, connection)
                if fresh or not reused:
                    raise HostUnreachable(
                        f"{node.name} ({node.ssh_address}) opened no session: {words(error)}"
                    ) from error
        raise AssertionError("the loop above returns or raises")

    def _connection(self, node: Node) -> tuple[Connection, bool]:
        with self._locks[node.name]:
            connection = self._connections.get(node.name)
            if connection is not None:
                if connection.is_active:
                    return connection, True
                connection.close()
            self._connections[node.name] = connect(
                node, self.options(node), self.settings.timeouts.ssh_connect
            )
            return self._connections[node.name], False


class _Backend(BaseBackend):  # type: ignore[misc]  # testinfra has no types
    """testinfra's way to a node, which is the harness's."""

    NAME = "kubedrill"

    def __init__(self, hosts: Hosts, node: Node) -> None:
        super().__init__(node.name)
        self._hosts, self._node = hosts, node

    def run(self, command: str, *args: str, **_options: Any) -> Any:
        line = self.get_command(command, *args)
        result = self._hosts.read(self._node, line, check=False)
        return self.result(result.rc, line.encode(), result.stdout.encode(), result.stderr.encode())


def command_line(argv: Sequence[str] | str, seconds: float, become: Become | None = None) -> str:
    """The line for the remote shell.

    Bounded on the node by coreutils' ``timeout``, as root through sudo where asked.

    >>> command_line(["cat", "a b"], 5).split("timeout")[1]
    " -k 5 5 cat 'a b'"
    """
    words = ["sh", "-c", argv] if isinstance(argv, str) else list(argv)
    bounded = ["env", *_ENVIRONMENT, "timeout", "-k", f"{GRACE_S:g}", f"{seconds:g}", *words]
    return shlex.join(become.argv(bounded) if become else bounded)


def shorten(argv: Sequence[str] | str) -> str:
    """Return a command as text for messages, at most 120 characters."""
    text = argv if isinstance(argv, str) else shlex.join(argv)
    return text if len(text) <= 120 else text[:117] + "..."
