"""What is looked at before anything is broken.

Is the cluster allowed, healthy, free of an earlier fault?

Before each single fault :class:`FaultGuard` is asked.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubedrill.base.errors import Unsafe
from kubedrill.cluster.health import find_problems
from kubedrill.core.leftovers import find_blocking
from kubedrill.faults import on_node
from kubedrill.faults.base import nodes_of
from kubedrill.faults.traces import HiddenTrace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.cluster.context import Cluster
    from kubedrill.faults import Fault


def find_unfit(cluster: Cluster) -> list[str]:
    """Why a drill must not begin: what is unhealthy, and what an earlier fault left behind."""
    problems = find_problems(cluster.api, cluster.hosts, cluster.inventory)
    left = [
        item
        for item in find_blocking(cluster.inventory, cluster.hosts, cluster.api)
        if not isinstance(item.trace, HiddenTrace)  # find_problems tells what does not answer
    ]
    heal = f"; run 'kubedrill heal --inventory {cluster.inventory.path}'"
    return problems + [f"{item}{heal}" for item in left]


def brief(problems: list[str], most: int = 3) -> str:
    """Some problems in one line; the check "healthy before" lists them all.

    >>> brief(["a", "b", "c"], most=2)
    'a; b; and 1 more'
    """
    more = [f"and {len(problems) - most} more"] if len(problems) > most else []
    return "; ".join([*problems[:most], *more])


class FaultGuard:
    """Asked before each fault of a drill.

    One fault a node, never below etcd's quorum, nothing that is unavailable now.

    With ``takes_quorum`` the drill may take etcd's quorum away.
    """

    def __init__(self, cluster: Cluster, *, takes_quorum: bool) -> None:
        self._cluster, self._takes_quorum = cluster, takes_quorum
        self._broken: dict[str, str] = {}  # node → the fault that it has

    @contextmanager
    def __call__(self, fault: Fault) -> Iterator[None]:
        """Let a fault be made, and count its nodes as broken while it is.

        Raises:
            Unsafe: it must not be made; nothing was broken by it.
        """
        nodes = nodes_of(fault, self._cluster.inventory)
        reason = self._refusal(fault, nodes)
        if reason:
            raise Unsafe(f"{fault.name} of {fault.subject} was not made: {reason}")
        self._broken.update(dict.fromkeys(nodes, fault.name))
        try:
            yield
        finally:
            for node in nodes:
                self._broken.pop(node, None)

    def _refusal(self, fault: Fault, nodes: tuple[str, ...]) -> str | None:
        for node in nodes:
            if node in self._broken:
                return f"{node} has a fault already ({self._broken[node]}); one fault a node"
        if getattr(fault, "stops_etcd", False) and not self._takes_quorum:
            below = on_node.etcd_majority(self._cluster, *nodes)
            if below:
                return below
        return fault.available(self._cluster)
