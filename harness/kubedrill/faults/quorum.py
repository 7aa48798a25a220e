"""etcd loses its quorum on purpose: the only fault that may, and its name says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.faults import on_node
from kubedrill.faults.base import for_each
from kubedrill.faults.services import FROZEN, SERVICES, script
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

_FREEZE = script(SERVICES["etcd"], "freeze")


@register
@dataclass
class QuorumLoss:
    """The etcd members of ``nodes`` hang, so that those that are left are no majority.

    Their data are not touched.
    """

    traces: ClassVar[tuple[Trace, ...]] = (FROZEN, on_node.UNITS)
    stops_etcd: ClassVar[bool] = True

    nodes: tuple[str, ...]
    subject: str = "etcd"
    name: str = "quorum lost"

    def available(self, cluster: Cluster) -> str | None:
        """Why not: a node has a fault already, etcd is not whole, or would keep its quorum."""
        return on_node.quorum_stands(cluster, self.nodes, self.nodes)

    def inject(self, cluster: Cluster) -> None:
        """Arm each node's undo and freeze its member, one by one.

        Raises KubedrillError where that fails.
        """
        for name in self.nodes:
            on_node.inject(cluster, name, _FREEZE)

    def heal(self, cluster: Cluster) -> None:
        """Let every member go on, though one node refuses.

        Raises:
            StepFailed: names each node that refused.
        """
        for_each(self.nodes, lambda name: on_node.heal(cluster, name, _FREEZE))
