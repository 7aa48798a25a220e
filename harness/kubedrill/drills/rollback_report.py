"""What a rollback lost and how long it took: the recovery point and the recovery time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedrill.base.model import NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.core.context import DrillContext
    from kubedrill.core.ledger import Ledger

SAVE = "Save a snapshot of etcd"
STOP = "Stop etcd, the API servers and newer kubelets"
START = "Start the older release"
"""Names of tasks of roles/etcd_snapshot and roles/rollback; a test compares them with the roles."""


@dataclass
class Moments:
    """When what happened (s, monotonic).

    The snapshot was begun and saved, the API was stopped and may be back.
    """

    saving: float = 0.0
    saved: float = 0.0
    stopping: float = 0.0
    starting: float = 0.0
    seen: list[str] = field(default_factory=list)

    def take(self, event: TaskEvent) -> None:
        """Note an event of either playbook; the first of each kind counts."""
        for (kind, task), name in _MOMENTS.items():
            if event.kind == kind and event.task.endswith(task) and name not in self.seen:
                self.seen.append(name)
                setattr(self, name, event.at / NS)


_MOMENTS = {
    ("start", SAVE): "saving",
    ("changed", SAVE): "saved",
    ("start", STOP): "stopping",
    ("start", START): "starting",
}


def report_recovery(
    ctx: DrillContext, ledger: Ledger, moments: Moments, begun: float, healthy_s: float
) -> None:
    """Add the checks of both. ``begun`` is when the rollback began (s, monotonic)."""
    if len(moments.seen) < len(_MOMENTS):
        ctx.check(
            "recovery-point",
            "recovery point",
            None,
            f"seen of snapshot and rollback: {', '.join(moments.seen) or 'nothing'}",
            "the moments of the snapshot and of the restore",
        )
        return
    lost = set(ledger.lost())
    acked = ledger.acknowledged
    early = {number for number, at in acked.items() if at < moments.saving}
    late = {number: at for number, at in acked.items() if at >= moments.starting}
    for id_, when, numbers in (
        ("writes-before-snapshot-present", "before the snapshot", early),
        ("writes-after-rollback-present", "after the rollback", set(late)),
    ):
        present = numbers - lost
        ctx.check(
            id_,
            f"what was written {when} is there",
            present == numbers if numbers else None,  # none of them proves nothing
            f"{len(present)} of {len(numbers)} are there",
            "all of them, 1 or more",
        )
    _report_point(ctx, acked, lost, moments)
    writes = (
        f"{min(late.values()) - begun:.0f} s until a write was acknowledged"
        if late
        else "no write since"
    )
    ctx.check(
        "recovery-time",
        "recovery time",
        True if late else None,
        f"{writes}, {healthy_s:.0f} s until the cluster was healthy at the older release",
        "timeouts.upgrade at most, from the rollback's start",
    )


def _report_point(
    ctx: DrillContext, acked: Mapping[int, float], lost: set[int], moments: Moments
) -> None:
    between = {number for number, at in acked.items() if moments.saved < at < moments.starting}
    gone = len(between & lost)
    left = len(between) - gone
    ctx.check(
        "recovery-point",
        "recovery point",
        not left if between else None,
        (
            f"{moments.stopping - moments.saved:.0f} s: {gone} of {len(acked)} acknowledged writes "
            f"are lost, "
            f"{f'{left} after the snapshot are not' if left else 'all of them after the snapshot'}"
        ),
        "every write between the snapshot and the restore is lost, no other",
    )
