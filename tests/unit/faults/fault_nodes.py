"""Nodes in memory for tests of faults.

They note each command, and answer as a test tells them to.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.context import Cluster
from kubedrill.cluster.etcd import Member
from kubedrill.cluster.hosts import CommandResult
from kubedrill.cluster.ssh_options import SshOptions
from kubedrill.config import Settings

if TYPE_CHECKING:
    import subprocess


class Nodes:
    """Stands for Hosts, ClusterApi and Power.

    ``answers``: part of a command → what it gives back (first match).
    """

    def __init__(
        self, answers: dict[str, CommandResult] | None = None, down: tuple[str, ...] = ()
    ) -> None:
        self.answers = answers or {}
        self.down = down
        self.commands: list[tuple[str, str]] = []
        self.changes: list[tuple[str, Any]] = []

    def options(self, node: Any) -> SshOptions:
        """How a node is reached, as its variables say."""
        return SshOptions.of(node)

    def answer(self, node: str, line: str) -> CommandResult:
        """What a command gives back; a test may know more."""
        del node
        return next(
            (answer for part, answer in self.answers.items() if part in line),
            CommandResult(0, "", ""),
        )

    def read(
        self,
        node: Any,
        argv: Any,
        timeout_s: Any = None,  # noqa: ARG002
        *,
        check: bool = True,
        sudo: bool = True,  # noqa: ARG002
        stdin: str = "",  # noqa: ARG002
    ) -> CommandResult:
        name, line = (
            getattr(node, "name", node),
            argv if isinstance(argv, str) else shlex.join(argv),
        )
        self.commands.append((name, line))
        result = self.answer(name, line)
        if check and not result.ok:
            raise StepFailed(f"{name}: {result.stderr}")
        return result

    def change(self, node: Any, argv: Any, timeout_s: Any = None, **more: Any) -> CommandResult:
        self.changes.append((getattr(node, "name", node), argv))
        return self.read(node, argv, timeout_s, **more)

    def forget(self, node: Any) -> None:
        self.commands.append((node.name, "forget"))

    def etcd_members(self) -> list[Member]:
        return [
            Member(f"cp{i}", i, 1, error="down" if f"cp{i}" in self.down else "") for i in (1, 2, 3)
        ]

    def lines(self, node: str) -> list[str]:
        """What was run on a node."""
        return [line for name, line in self.commands if name == node]


def ok(stdout: str) -> CommandResult:
    return CommandResult(0, stdout, "")


def refused(stderr: str, rc: int = 1) -> CommandResult:
    return CommandResult(rc, "", stderr)


def good(done: subprocess.CompletedProcess[str]) -> str:
    """The output of a real command that succeeded."""
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


PLACE = {
    "route get": ok('[{"dst": "172.31.77.12", "dev": "eth0"}]'),
    "SSH_CONNECTION": ok("172.31.77.1 50000 172.31.77.11 22\n"),
}
"""What a local node says of its place in the network."""


def context(nodes: Nodes, inventory: Any) -> Cluster:
    everything: Any = nodes
    return Cluster(inventory, Settings(), everything, everything, everything, lambda _s, _t: None)


def order(lines: list[str], first: str, then: str) -> bool:
    """Whether the first line that has one text comes before the first that has the other."""
    place = {
        text: next(i for i, line in enumerate(lines) if text in line) for text in (first, then)
    }
    return place[first] < place[then]


__all__ = ["PLACE", "Nodes", "context", "good", "ok", "order", "refused"]
