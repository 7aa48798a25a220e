"""Wait for the end of what a drill has begun."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.base.model import Check, CheckId
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.health import find_problems
from kubedrill.core.leftovers import Baseline, find_leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.cluster.context import Cluster

_POLL_S = 5.0
"""Seconds between two looks at the whole cluster: one costs 9 starts of etcdctl, and nodes may
share this machine."""

_SETTLE_S = 15.0
"""Seconds for what is ending just now to be gone: systemd forgets a transient unit, a pod its grace
period of 1 s."""


def health_check(id_: CheckId, problems: str = "", healthy: str = "no problems") -> Check:
    """The check of the cluster's health before or after a drill; ``healthy`` without problems."""
    name = id_.value.replace("-", " ")
    return Check(name, not problems, problems or healthy, "no problems", id_)


def leftovers_check(left: Sequence[str]) -> Check:
    """The check of what a drill left behind."""
    return Check(
        "no leftovers", not left, "; ".join(left) or "nothing", "nothing", CheckId.NO_LEFTOVERS
    )


def wait_healthy(cluster: Cluster) -> None:
    """Wait until the cluster is healthy.

    Raises:
        DeadlineExceeded: it did not become healthy within ``timeouts.recovery``.
    """

    def check() -> bool | Waiting:
        problems = find_problems(cluster.api, cluster.hosts, cluster.inventory)
        return Waiting("; ".join(problems)) if problems else True

    seconds = cluster.settings.timeouts.recovery
    what = "the cluster to be healthy"
    wait_for(what, check, seconds=seconds, setting="recovery", poll_s=_POLL_S)


def wait_clean(cluster: Cluster, before: Baseline) -> list[str]:
    """Return what is left of a drill, when what ends by itself just now has had its time."""
    left: list[str] = []

    def check() -> bool | Waiting:
        left[:] = find_leftovers(cluster, before)
        return Waiting("; ".join(left)) if left else True

    with suppress(DeadlineExceeded):
        wait_for("nothing to be left", check, seconds=_SETTLE_S, setting="recovery", poll_s=_POLL_S)
    return left
