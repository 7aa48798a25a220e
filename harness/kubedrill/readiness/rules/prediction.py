"""How long the upgrade would take and what it would cost.

From measured figures, and from this cluster's timers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.readiness.rules.common import info, leaving, warning
from kubedrill.readiness.rules.pods import DEFAULT_GRACE_S, DRAIN_S, grace_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot

BEFORE_S, AFTER_S, ADDONS_S = 37, 12, 6
"""Preflight, plan and snapshot; the last checks; network and add-ons (measured)."""

STAGE_S = (86 + 25) / 5
"""Staging of one node: 111 s for five, whose images are imported one after the other."""

CONTROL_PLANE_S, WORKER_S = (33, 43), (29, 41)
"""Shortest and longest turn of a node."""
CONTROL_PLANE_RANGE, WORKER_RANGE = (f"{a} to {b}" for a, b in (CONTROL_PLANE_S, WORKER_S))

SOURCE = (
    "measured: 1.35.4 to 1.36.3, five node containers on 2 cores (benchmarks/results/upgrade.md)"
)


def duration(snapshot: Snapshot) -> Iterator[Issue]:
    """Seconds of the whole upgrade, as a range."""
    shortest, longest = seconds(snapshot)
    planes, all_nodes = len(snapshot.control_planes), len(snapshot.machines)
    yield info(
        "predicted duration",
        f"{shortest:.0f} to {longest:.0f} s for {planes} control plane(s) and {all_nodes - planes} "
        f"worker(s): "
        f"{BEFORE_S} preflight and snapshot + {STAGE_S:.0f} staging a node + "
        f"{CONTROL_PLANE_RANGE} a control plane "
        f"+ {ADDONS_S} add-ons + {WORKER_RANGE} a worker + {AFTER_S} checks, and what pods "
        f"take "
        f"beyond {DEFAULT_GRACE_S} s to end, {DRAIN_S} s at most",
        SOURCE,
    )


def seconds(snapshot: Snapshot) -> tuple[float, float]:
    """Shortest and longest; the longest has what pods with a long grace period may take."""
    planes = len(snapshot.control_planes)
    workers = len(snapshot.machines) - planes
    fixed = BEFORE_S + STAGE_S * len(snapshot.machines) + ADDONS_S + AFTER_S
    shortest, longest = (
        fixed + planes * plane + workers * worker
        for plane, worker in zip(CONTROL_PLANE_S, WORKER_S, strict=True)
    )
    for node in snapshot.machines:
        graces = [grace_s(pod) for pod in leaving(snapshot.pods.get(), node.name)]
        longest += max(min(max(graces, default=0), DRAIN_S) - DEFAULT_GRACE_S, 0)
    return shortest, longest


def outage(snapshot: Snapshot) -> Iterator[Issue]:
    """What users would notice."""
    election = ""
    if snapshot.timers.known:
        election_s = snapshot.timers.get().etcd_election_s
        election = (
            f"up to {election_s:g} s (2 x etcd's election timeout) where leadership moves "
            "unplanned; "
        )
    else:
        yield warning(
            "predicted outage of the API",
            f"this cluster's own timers could not be read: {snapshot.timers.error}",
            "the timers of etcd, haproxy and keepalived",
            "what follows is from measured figures alone",
        )
    single = len(snapshot.control_planes) == 1
    api = (
        "about 15 s, while its only API server is swapped"
        if single
        else f"0 s when all goes well; {election}"
        "writes slower than 1 s for 0.7 to 2.2 s while pods start, on 2 cores"
    )
    yield info("predicted outage of the API", api, SOURCE)
    yield info(
        "predicted outage of applications",
        "0 s with two replicas or more that fit elsewhere; 15 to 30 s for those of one replica, "
        "and a node's turn "
        f"({WORKER_RANGE} s) for those that fit nowhere else, as far as they are named above",
        SOURCE,
    )
