"""A bounded drain by the Eviction API.

It names what blocks it and never leaves the node cordoned.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import (
    draining,
    evictable_pods,
    kube_api,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    full_name,
    is_evictable,
)
from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.objects import to_json
from kubedrill.cluster.undo_timer import UndoTimer
from kubedrill.faults import on_node
from kubedrill.faults.base import Effect
from kubedrill.faults.traces import ClusterTrace, Stage, never, register

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.kubedrill.kubeadm.plugins.module_utils.draining import Blocker
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Leftover, Objects, Trace

_POLL_S = 0.5
"""Seconds until refused evictions are asked for again, as upgrades do."""

TAINT_PREFIX = "kubedrill.io/"
"""What the keys of taints begin with that a drill sets; others are the cluster owner's."""


def node_marks(nodes: Iterable[Any]) -> list[tuple[str, str]]:
    """Return what schedulers obey: (node, "cordoned" or "taint KEY=VALUE:EFFECT"), sorted."""
    marks = [(node.metadata.name, "cordoned") for node in nodes if node.spec.unschedulable]
    marks += [
        (node.metadata.name, f"taint {taint.key}={taint.value or ''}:{taint.effect}")
        for node in nodes
        for taint in node.spec.taints or []
    ]
    return sorted(marks)


def _detect_taints(objects: Objects) -> Iterator[tuple[str, str]]:
    for node, mark in node_marks(objects.nodes):
        if mark.startswith(f"taint {TAINT_PREFIX}"):
            yield node, mark.removeprefix("taint ")


def _remove_taints(api: ClusterApi, item: Leftover) -> None:
    taints = api.node(item.where).spec.taints or []
    others = [taint for taint in taints if not taint.key.startswith(TAINT_PREFIX)]
    patch = {"spec": {"taints": api.client.sanitize_for_serialization(others)}}
    api.core.patch_node(item.where, patch)


CORDON = ClusterTrace(
    kind="cordon",
    text="left behind: {what}",
    stage=Stage.NODE_OBJECT,
    ours=never,
    detect=lambda objects: [mark for mark in node_marks(objects.nodes) if mark[1] == "cordoned"],
    repair=lambda api, item: api.cordon(item.where, on=False),
)

TAINT = ClusterTrace(
    kind="taint",
    text="left behind: taint {what}",
    stage=Stage.NODE_OBJECT,
    detect=_detect_taints,
    repair=_remove_taints,
)


@register
@dataclass
class Drain(Effect):
    """Cordons a node and evicts its pods, as an administrator would before maintenance.

    ``seconds`` bounds the eviction and ``setting`` names where that number came from. With
    ``forbidden`` it should be refused: ``refusal`` then has what was said, "" where it was not.
    """

    traces: ClassVar[tuple[Trace, ...]] = (CORDON, TAINT, on_node.UNITS)

    subject: str
    seconds: float
    setting: str = "evict"
    name: str = "drain"
    forbidden: bool = False
    refusal: str = ""

    @property
    def evidence(self) -> str:
        """What shows it: an empty node, or a refusal."""
        if self.forbidden:
            return "the API refuses to evict a pod"
        return "the node is cordoned, with no pod left that has to leave it"

    @property
    def lasts(self) -> bool:
        """A drain that was refused is over."""
        return not self.forbidden

    @property
    def least_s(self) -> float:
        """As long as any other, unless it was refused."""
        return 0.0 if self.forbidden else 1.0

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Look for what the drain should have made of the node."""
        if self.forbidden:
            return None if self.refusal else "nothing was refused"
        if not cluster.api.node(place).spec.unschedulable:
            return "it is not cordoned"
        pods = map(to_json, cluster.api.pods(node=place))
        left = [full_name(pod) for pod in pods if is_evictable(pod)]
        return f"{', '.join(left)} is left" if left else None

    def available(self, cluster: Cluster) -> str | None:
        """Say why the drain cannot be done.

        No other node would take the pods, or one of them has no controller.
        """
        others = [
            n
            for n in cluster.api.nodes()
            if n.metadata.name != self.subject and not n.spec.unschedulable
        ]
        if not others:
            return f"no schedulable node but {self.subject} is left to take its pods"
        return explain_unmanaged(self.subject, cluster.api.pods(node=self.subject))

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo, cordon, evict.

        Raises:
            StepFailed: the drain was blocked and not ``forbidden``; names each pod and its
                PodDisruptionBudget. Or pods have no controller. The node is not cordoned, or
                uncordoned again.
        """
        blockers = drain_node(cluster, self.subject, self.seconds, self.setting)
        if blockers:
            self.heal(cluster)
            self.refusal = describe(self.subject, self.seconds, blockers)
            if not self.forbidden:
                raise StepFailed(self.refusal)

    def heal(self, cluster: Cluster) -> None:
        """Uncordon the node and disarm the undo."""
        _uncordon(cluster, self.subject)
        _undo_timer(cluster, self.subject).disarm()


def describe(node: str, seconds: float, blockers: Iterable[Blocker]) -> str:
    """Tell what blocked a drain, in the words of the error.

    >>> from ansible_collections.kubedrill.kubeadm.plugins.module_utils.draining import Blocker
    >>> reason = "PodDisruptionBudget shop/web (allows 0 now): needs 3"
    >>> print(describe("w1", 20, [Blocker("shop/web-1", reason)]))
    node w1 could not be drained within 20 s and is uncordoned again:
      - pod shop/web-1: PodDisruptionBudget shop/web (allows 0 now): needs 3
    Give the workload another replica or relax its budget, then drain again.
    """
    lines = "\n".join(f"  - {blocker}" for blocker in blockers)
    return (
        f"node {node} could not be drained within {seconds:g} s and is uncordoned again:\n{lines}\n"
        "Give the workload another replica or relax its budget, then drain again."
    )


def drain_node(cluster: Cluster, node: str, seconds: float, setting: str) -> list[Blocker]:
    """Cordon a node and evict its pods until none is left.

    Return what blocked, [] when it is empty.

    The node stays cordoned: the caller heals. It is the drain of upgrades, with the local data of
    pods lost.

    Raises:
        StepFailed: a pod has no controller, or the API forbids it; the node was not cordoned.
        ApiUnavailable: nothing could be read; nothing was done.
    """
    drain = draining.Draining(
        cluster.api, node, delete_local_data=True, note=partial(cluster.note, node)
    )

    def probe() -> bool | Waiting:
        return True if drain.try_round() else Waiting(drain.waiting_for)

    try:
        drain.check()
        _undo_timer(cluster, node).arm(seconds + cluster.settings.timeouts.recovery)
        with suppress(DeadlineExceeded):  # its blockers say more
            wait_for(
                f"pods to leave {node}", probe, seconds=seconds, setting=setting, poll_s=_POLL_S
            )
    except draining.DrainRefusedError as error:
        raise StepFailed(str(error)) from error
    except kube_api.ApiUnavailable as error:
        raise ApiUnavailable(str(error)) from error
    return drain.blockers()


def explain_unmanaged(node: str, pods: Iterable[Any]) -> str | None:
    """Return why these pods forbid a drain of their node, as ``kubectl drain`` without --force.

    None where each has a controller, which makes it again elsewhere.
    """
    return evictable_pods.explain_unmanaged(node, map(to_json, pods)) or None


def warn_of_local_data(pods: Iterable[Any]) -> list[str]:
    """Name the pods whose local data a drain deletes."""
    warning = evictable_pods.warn_of_local_data(map(to_json, pods))
    return [warning] if warning else []


def must_leave(pod: Any) -> bool:
    """Whether a drain has to evict a pod.

    Not one of a DaemonSet, not a static one's mirror, not one that has ended.
    """
    return is_evictable(to_json(pod))


def _uncordon(cluster: Cluster, node: str) -> None:
    def still_cordoned() -> str | None:
        if cluster.api.node(node).spec.unschedulable:
            cluster.api.cordon(node, on=False)
            return f"{node} is cordoned"
        return None

    cluster.api.wait(f"{node} to take pods again", still_cordoned, setting="unschedulable_cleared")


def _undo_timer(cluster: Cluster, node: str) -> UndoTimer:
    return UndoTimer(cluster.inventory, cluster.hosts, node)
