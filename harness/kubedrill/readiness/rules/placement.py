"""Drains each node on paper, from the current placement: do its pods fit on the others?"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from kubedrill.readiness.rules.common import (
    blocker,
    budgets_of,
    controller,
    leaving,
    name_of,
    runs,
    several,
    warning,
    workload,
)
from kubedrill.readiness.rules.fit import node_selector_matches, requests, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot


def fits_elsewhere(snapshot: Snapshot) -> Iterator[Issue]:
    """Pods of a drained node that no other node takes, alone or together.

    One without a controller never comes back.
    """
    pods = [pod for pod in snapshot.pods.get() if runs(pod) and pod.spec.node_name]
    nodes = {node.metadata.name: node for node in snapshot.nodes.get()}
    pinned = pinned_pods(snapshot)
    for name in nodes:
        moving = [
            pod
            for pod in leaving(tuple(pods), name)
            if controller(pod) and name_of(pod) not in pinned
        ]
        stuck = drain_on_paper(name, moving, nodes, pods)
        if stuck:
            yield _stuck(snapshot, name, stuck)


def local_volumes(snapshot: Snapshot) -> Iterator[Issue]:
    """Pods whose volume is on one node only: they wait until it is back."""
    pinned = pinned_pods(snapshot)
    for node in snapshot.nodes.get():
        here = [
            pod
            for pod in leaving(snapshot.pods.get(), node.metadata.name)
            if name_of(pod) in pinned
        ]
        for pod in here:
            yield warning(
                f"pod {name_of(pod)}",
                f"has the volume {pinned[name_of(pod)]}, which is on {node.metadata.name} only",
                "a volume that another node can mount",
                f"it is out while {node.metadata.name} is upgraded (29 to 43 s measured); back "
                "its data up first",
            )


def pinned_pods(snapshot: Snapshot) -> dict[str, str]:
    """Pods with a volume that fewer than two nodes can mount, and that volume's name."""
    volumes = {volume.metadata.name: volume for volume in snapshot.volumes.get()}
    bound = {name_of(claim): claim.spec.volume_name for claim in snapshot.claims.get()}
    result = {}
    for pod in snapshot.pods.get():
        for mount in pod.spec.volumes or []:
            claim = mount.persistent_volume_claim
            volume = (
                volumes.get(bound.get(f"{pod.metadata.namespace}/{claim.claim_name}", ""))
                if claim
                else None
            )
            if volume is not None and _nodes_of(volume, snapshot) < 2:
                result[name_of(pod)] = volume.metadata.name
    return result


def _nodes_of(volume: Any, snapshot: Snapshot) -> int:
    required = volume.spec.node_affinity and volume.spec.node_affinity.required
    if not required:
        return len(snapshot.nodes.get())
    return sum(node_selector_matches(required, node) for node in snapshot.nodes.get())


def drain_on_paper(
    name: str, moving: list[Any], nodes: dict[str, Any], pods: list[Any]
) -> dict[str, tuple[Any, str]]:
    """Place the pods of one node on the others, the largest first.

    Return those that fit nowhere, and why.

    First fit, largest first, is not the best packing there is: that a pod is left over *together
    with* the others is likely, not proven; the words say which of the two it was.
    """
    going = {id(pod) for pod in moving}
    left = [pod for pod in pods if id(pod) not in going]
    others = {other: node for other, node in nodes.items() if other != name}
    stuck: dict[str, tuple[Any, str]] = {}
    for pod in sorted(
        moving, key=lambda p: sorted(requests(p).items(), reverse=True), reverse=True
    ):
        home, reasons = _home(pod, others, nodes, left)
        if home:
            left.append(_moved(pod, home))
            continue
        alone, _ = _home(pod, others, nodes, [other for other in pods if other is not pod])
        stuck[name_of(pod)] = (pod, "not together with the node's other pods" if alone else reasons)
    return stuck


def _home(
    pod: Any, others: dict[str, Any], nodes: dict[str, Any], pods: list[Any]
) -> tuple[str, str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for other, node in others.items():
        there = [p for p in pods if p.spec.node_name == other]
        reason = why_not(pod, node, there, nodes, pods)
        if not reason:
            return other, ""
        reasons[reason].append(other)
    words = [f"{several(names)}: {reason}" for reason, names in reasons.items()]
    return "", "; ".join(words) or "there is no other node"


def _moved(pod: Any, node: str) -> Any:
    moved = copy.copy(pod)
    moved.spec = copy.copy(pod.spec)
    moved.spec.node_name = node
    return moved


def _stuck(snapshot: Snapshot, node: str, stuck: dict[str, tuple[Any, str]]) -> Issue:
    subject = f"node {node}"
    names = [f"{name} ({reason})" for name, (_, reason) in stuck.items()]
    actual = f"{len(names)} of its pods fit nowhere else: {several(names)}"
    budgets = snapshot.budgets.get()
    waiting = Counter(name_of(b) for pod, _ in stuck.values() for b in budgets_of(pod, budgets))
    allowed = {name_of(budget): budget.status.disruptions_allowed for budget in budgets}
    exhausted = [name for name, count in waiting.items() if count > allowed.get(name, 0)]
    expected = "room for every pod on the other nodes while this one is drained"
    if exhausted:
        action = (
            f"add room: the drain itself would stop at {several(exhausted)}, whose pods "
            "would not come back"
        )
        return blocker(subject, actual, expected, action)
    pods = several(sorted({workload(pod) for pod, _ in stuck.values()}))
    return warning(
        subject,
        actual,
        expected,
        f"add a node or lower requests; {pods} would wait until {node} is back",
    )
