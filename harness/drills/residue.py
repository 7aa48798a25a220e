"""What a drill must not leave behind: cordons, taints, armed undos, its own namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cluster.undo_timer import armed_timers
from harness.cluster.watchdog import armed_watchdogs

if TYPE_CHECKING:
    from harness.faults import FaultContext

DRILL_NAMESPACE_LABEL = "kubedrill.io/drill"
"""Namespaces that a drill makes carry this label and are deleted with it."""


@dataclass(frozen=True)
class Marks:
    """The marks on each node that schedulers obey, as "w1: cordoned" or "w1: taint key=value:Effect"."""

    marks: frozenset[str]

    @classmethod
    def read(cls, ctx: FaultContext) -> Marks:
        """Read them from the live nodes."""
        found = set()
        for node in ctx.api.nodes():
            name = node.metadata.name
            if node.spec.unschedulable:
                found.add(f"{name}: cordoned")
            for taint in node.spec.taints or []:
                found.add(f"{name}: taint {taint.key}={taint.value or ''}:{taint.effect}")
        return cls(frozenset(found))


def find_residue(ctx: FaultContext, before: Marks) -> list[str]:
    """What differs from before the drill, in words; [] when the cluster is as it was."""
    after = Marks.read(ctx)
    found = [f"left behind: {mark}" for mark in sorted(after.marks - before.marks)]
    found += [f"lost: {mark}" for mark in sorted(before.marks - after.marks)]
    found += [f"undo timer still armed: {timer}" for timer in armed_timers(ctx.inventory, ctx.hosts)]
    found += [f"power watchdog still armed: {node}" for node in armed_watchdogs(ctx.inventory)]
    namespaces = ctx.api.core.list_namespace(label_selector=DRILL_NAMESPACE_LABEL).items
    found += [f"namespace still there: {namespace.metadata.name}" for namespace in namespaces]
    return found
