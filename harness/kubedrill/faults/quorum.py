"""etcd loses its quorum on purpose: the only fault that may, and its name says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from kubedrill.faults import on_node
from kubedrill.faults.base import Effect, for_each
from kubedrill.faults.service_traces import FROZEN
from kubedrill.faults.services import ServiceFault
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace


@register
@dataclass
class QuorumLoss(Effect):
    """The etcd members of ``nodes`` hang, so that those that are left are no majority.

    Their data are not touched.
    """

    traces: ClassVar[tuple[Trace, ...]] = (FROZEN, on_node.UNITS)
    stops_etcd: ClassVar[bool] = True

    nodes: tuple[str, ...]
    subject: str = "etcd"
    name: str = "quorum lost"
    members: dict[str, ServiceFault] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.members = {node: ServiceFault(node, "etcd", "freeze") for node in self.nodes}

    evidence = "most of etcd's processes are stopped (state T)"

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Look for the member's process."""
        member = self.members.get(place)
        return member.unaffected(cluster, place) if member else "its member is not part of this"

    def available(self, cluster: Cluster) -> str | None:
        """Why not: a node has a fault already, etcd is not whole, or would keep its quorum."""
        return on_node.quorum_stands(cluster, self.nodes, self.nodes)

    def inject(self, cluster: Cluster) -> None:
        """Arm each node's undo and freeze its member, one by one.

        Raises KubedrillError where that fails.
        """
        for member in self.members.values():
            member.inject(cluster)

    def heal(self, cluster: Cluster) -> None:
        """Let every member go on, though one node refuses.

        Raises:
            StepFailed: names each node that refused.
        """
        for_each(self.members, lambda name: self.members[name].heal(cluster))
