"""Who leads among schedulers and controller managers.

Their leases in kube-system, and the timers of their election.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubedrill.cluster.flags import read_flags, seconds
from kubedrill.cluster.timers import Timer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedrill.cluster.api import ClusterApi

NAMESPACE = "kube-system"

JITTER = 2.2
"""A candidate waits one to 2.2 retry periods between two looks (client-go, leaderelection.go:
JitterFactor 1.2)."""


@dataclass(frozen=True, slots=True)
class ElectionTimers:
    """The leader-elect timers of one component, in seconds."""

    lease: Timer
    renew: Timer
    retry: Timer

    @property
    def takeover_s(self) -> float:
        """Longest time from a lost leader's last renewal until another candidate holds the lease.

        A candidate may see the last renewal one stretched retry period late, counts the lease
        duration from there, and asks again up to one such period after.
        """
        return self.lease.value + 2 * JITTER * self.retry.value


@dataclass(frozen=True, slots=True)
class Leader:
    """Who holds a lease: ``identity`` is "<node>_<uuid>".

    ``transitions`` counts changes of holder.
    """

    identity: str
    transitions: int

    @property
    def node(self) -> str:
        """The node of the holder, "" where the lease is free."""
        return self.identity.rpartition("_")[0]


def read_leader(api: ClusterApi, component: str, timeout_s: float | None = None) -> Leader:
    """Ask who leads now.

    Raises:
        ApiUnavailable: the API did not answer.
    """
    more: dict[str, Any] = {} if timeout_s is None else {"_request_timeout": timeout_s}
    spec = api.coordination.read_namespaced_lease(component, NAMESPACE, **more).spec
    return Leader(str(spec.holder_identity or ""), int(spec.lease_transitions or 0))


def election_timers(api: ClusterApi, component: str) -> ElectionTimers:
    """Read the timers from the flags of a component's static pod.

    Raises:
        KubedrillError: there is no such pod, or a flag is no duration.
    """
    return parse_election(read_flags(api, component))


def parse_election(flags: Mapping[str, str]) -> ElectionTimers:
    """Timers from flags; one that is not set has Kubernetes' default.

    Component-base, leader election: 15, 10, 2 s.

    >>> parse_election({"leader-elect-retry-period": "1s"}).takeover_s
    19.4
    """

    def timer(name: str, default: float) -> Timer:
        flag = f"leader-elect-{name}"
        if flag in flags:
            return Timer(flag, seconds(flags[flag]), f"flag --{flag}")
        return Timer(flag, default, "default of Kubernetes: the flag is not set")

    return ElectionTimers(
        timer("lease-duration", 15), timer("renew-deadline", 10), timer("retry-period", 2)
    )
