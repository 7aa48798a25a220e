"""The fault protocol, what a fault may use, and the fault that does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kubedrill.cluster.context import Cluster

FaultContext = Cluster
"""The name in use until the faults take a :class:`Cluster` by name."""


class Fault(Protocol):
    """Something that can be broken and put back."""

    @property
    def name(self) -> str:
        """What the timeline calls the fault's window."""

    @property
    def subject(self) -> str:
        """The node or object that it breaks."""

    def available(self, ctx: FaultContext) -> str | None:
        """Why it cannot be done on this cluster, or None when it can. Touches nothing."""

    def inject(self, ctx: FaultContext) -> None:
        """Arm the undo, then break."""

    def heal(self, ctx: FaultContext) -> None:
        """Put it back and disarm the undo.

        Safe to call twice, and after an inject that stopped half-way.
        """


@dataclass(frozen=True)
class Noop:
    """Breaks nothing: a drill that only watches, and a check of the machinery itself."""

    subject: str = "cluster"
    name: str = "nothing"

    def available(self, ctx: FaultContext) -> str | None:
        """Return None: always available."""
        del ctx
        return None

    def inject(self, ctx: FaultContext) -> None:
        """Do nothing, and say so."""
        ctx.note(self.subject, "nothing was broken")

    def heal(self, ctx: FaultContext) -> None:
        """Do nothing."""
        del ctx
