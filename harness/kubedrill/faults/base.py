"""The fault protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster


class Fault(Protocol):
    """Something that can be broken and put back.

    Its class is registered (:func:`kubedrill.faults.traces.register`) with the ``traces`` that it
    may leave. ``nodes`` names what it breaks where that is more than its subject. With
    ``stops_etcd`` the guard makes sure that etcd keeps its quorum, which ``available`` then need
    not.
    """

    @property
    def name(self) -> str:
        """What the timeline calls the fault's window."""

    @property
    def subject(self) -> str:
        """The node or object that it breaks."""

    def available(self, cluster: Cluster) -> str | None:
        """Why it cannot be done on this cluster, or None when it can. Touches nothing."""

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo, then break."""

    def heal(self, cluster: Cluster) -> None:
        """Put it back and disarm the undo.

        Safe to call twice, and after an inject that stopped half-way.
        """
