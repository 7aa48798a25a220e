"""A fault that a script makes on one node."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.faults import on_node
from kubedrill.faults.base import Effect

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.on_node import Script


@dataclass
class NodeFault(Effect, ABC):
    """The node ``subject`` is broken by a script, after the undo was armed there."""

    subject: str

    @property
    @abstractmethod
    def evidence(self) -> str:
        """What shows that it took hold."""

    @property
    def question(self) -> str:
        """Shell that succeeds on a node that has the effect, and else may print what is there."""
        raise NotImplementedError

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Why the effect is not to be seen on a node; None when it is."""
        result = cluster.hosts.read(place, self.question, check=False)
        return None if result.ok else " ".join(result.stdout.split())[-200:] or "it is as before"

    @abstractmethod
    def script(self, cluster: Cluster) -> Script:
        """What breaks the node, and what puts it back."""

    def refusal(self, cluster: Cluster) -> str | None:
        """Why it cannot be made on this node, which has no fault yet; None when it can."""
        del cluster
        return None

    def available(self, cluster: Cluster) -> str | None:
        """Why not: the node has a fault already, cannot be reached, or does not take this one."""
        return on_node.occupied(cluster, self.subject) or self.refusal(cluster)

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo on the node, then break it. Raises KubedrillError where that fails."""
        on_node.inject(cluster, self.subject, self.script(cluster))

    def heal(self, cluster: Cluster) -> None:
        """Put the node back and disarm the undo. Raises StepFailed and DeadlineExceeded."""
        on_node.heal(cluster, self.subject, self.script(cluster))
