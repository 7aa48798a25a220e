"""Could a pod run on a node? The scheduler's required rules; preferences are left out.

Pure functions of API objects.

Not judged, because the API does not have it: limits of volumes a node can attach, extended
resources of devices that are handed out by DRA, and scheduler plugins other than the default ones.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kubedrill.cluster.objects import condition_is_true, expression_matches, quantity, selects
from kubedrill.readiness.rules.common import runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TROUBLE = "node.kubernetes.io/"
"""Prefix of taints that come and go with the state of a node (cordoned, not ready, pressure)."""


def could_run_on(pod: Any, node: Any) -> bool:
    """Whether selectors, required affinity and lasting taints let a pod onto a node.

    Its state now is left out.
    """
    taints = [t for t in node.spec.taints or [] if not t.key.startswith(_TROUBLE)]
    return _labels_match(pod, node) and all(_tolerates(pod, taint) for taint in taints)


def takes_pods(node: Any) -> bool:
    """Whether a node is Ready, not cordoned and not under a pressure that keeps pods away."""
    bad = [
        t
        for t in node.spec.taints or []
        if t.key.startswith(_TROUBLE) and t.effect in ("NoSchedule", "NoExecute")
    ]
    return condition_is_true(node, "Ready") and not node.spec.unschedulable and not bad


def why_not(pod: Any, node: Any, there: list[Any], nodes: dict[str, Any], pods: list[Any]) -> str:
    """Why a pod cannot go to a node that holds the pods ``there``; "" when it can.

    ``pods`` are all of the cluster.
    """
    if not takes_pods(node):
        return "takes no pods now"
    if not _labels_match(pod, node):
        return "its labels do not match"
    untolerated = [t.key for t in node.spec.taints or [] if not _tolerates(pod, t)]
    if untolerated:
        return f"taint {untolerated[0]}"
    if missing := _missing_room(pod, node, there):
        return missing
    if _anti_affinity(pod, node, nodes, pods):
        return "required anti-affinity"
    constraints = pod.spec.topology_spread_constraints or []
    broken = any(
        _skew_after(pod, node, nodes, pods, c) > c.max_skew
        for c in constraints
        if c.when_unsatisfiable == "DoNotSchedule"
    )
    return "required topology spread" if broken else ""


def requests(pod: Any) -> dict[str, float]:
    """What a pod requests, with overhead: its containers' sum, or its largest init container."""
    inits = pod.spec.init_containers or []
    sidecars = [container for container in inits if container.restart_policy == "Always"]
    total = _sum([{"pods": 1}, *map(_asked, [*pod.spec.containers, *sidecars])])
    for container in inits:
        for name, text in _asked(container).items():
            total[name] = max(total[name], quantity(text))
    return _sum([total, pod.spec.overhead or {}])


def _asked(container: Any) -> dict[str, Any]:
    return (container.resources.requests if container.resources else None) or {}


def _sum(parts: Iterable[Mapping[str, Any]]) -> defaultdict[str, float]:
    total: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        for name, text in part.items():
            total[name] += quantity(text)
    return total


def _missing_room(pod: Any, node: Any, there: list[Any]) -> str:
    used, allocatable = _sum(map(requests, there)), node.status.allocatable or {}
    for name, amount in requests(pod).items():
        free = quantity(allocatable.get(name, 0)) - used[name]
        if amount > 0 and amount > free + 1e-9:
            return f"too little {name}: asks for {amount:g}, {max(free, 0):g} free"
    taken = {port for other in there for port in _host_ports(other)}
    return "its host port is taken" if _host_ports(pod) & taken else ""


def _tolerates(pod: Any, taint: Any) -> bool:
    return taint.effect == "PreferNoSchedule" or any(
        _covers(t, taint) for t in pod.spec.tolerations or []
    )


def _covers(toleration: Any, taint: Any) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    every_value: bool = toleration.operator == "Exists"
    if not toleration.key:
        return every_value
    same = toleration.key == taint.key
    return bool(same and (every_value or (toleration.value or "") == (taint.value or "")))


def _labels_match(pod: Any, node: Any) -> bool:
    if not (pod.spec.node_selector or {}).items() <= (node.metadata.labels or {}).items():
        return False
    affinity = pod.spec.affinity and pod.spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    return not required or node_selector_matches(required, node)


def node_selector_matches(selector: Any, node: Any) -> bool:
    """Whether any term of a V1NodeSelector (of a pod or a volume) matches a node."""
    return any(_term_matches(term, node) for term in selector.node_selector_terms or [])


def _term_matches(term: Any, node: Any) -> bool:
    labels = [(e, node.metadata.labels or {}) for e in term.match_expressions or []]
    fields = [(e, {"metadata.name": node.metadata.name}) for e in term.match_fields or []]
    both = [*labels, *fields]  # a term without either matches no node
    return bool(both) and all(expression_matches(e, values) for e, values in both)


def _host_ports(pod: Any) -> set[tuple[int, str]]:
    ports = [port for c in pod.spec.containers for port in c.ports or []]
    return {(port.host_port, port.protocol or "TCP") for port in ports if port.host_port}


def _anti_terms(pod: Any) -> list[Any]:
    affinity = pod.spec.affinity and pod.spec.affinity.pod_anti_affinity
    return list((affinity and affinity.required_during_scheduling_ignored_during_execution) or [])


def _anti_affinity(pod: Any, node: Any, nodes: dict[str, Any], pods: list[Any]) -> bool:
    """Whether anti-affinity of either keeps this pod from one in the node's topology."""
    mine = _anti_terms(pod)
    for other in pods if mine else [other for other in pods if other.spec.affinity]:
        home = nodes.get(other.spec.node_name or "")
        if home is None or other is pod or not runs(other):
            continue
        if any(_same(term, node, home) and _meant(term, pod, other) for term in mine):
            return True
        if any(_same(term, node, home) and _meant(term, other, pod) for term in _anti_terms(other)):
            return True
    return False


def _same(term: Any, one: Any, other: Any) -> bool:
    value = (one.metadata.labels or {}).get(term.topology_key)
    return value is not None and value == (other.metadata.labels or {}).get(term.topology_key)


def _meant(term: Any, owner: Any, other: Any) -> bool:
    spaces = term.namespaces or [owner.metadata.namespace]
    inside = term.namespace_selector is not None or other.metadata.namespace in spaces
    return inside and selects(term.label_selector, other.metadata.labels or {})


def _skew_after(
    pod: Any, node: Any, nodes: dict[str, Any], pods: list[Any], constraint: Any
) -> float:
    """Skew that the pod would make on the node.

    Nodes that its selectors exclude are no domains (the API's default).
    """
    key = constraint.topology_key
    here = (node.metadata.labels or {}).get(key)
    if here is None:
        return float("inf")
    domains = {name: (n.metadata.labels or {}).get(key) for name, n in nodes.items()}
    counts = {
        domain: 0
        for name, domain in domains.items()
        if domain is not None and _labels_match(pod, nodes[name])
    }
    for other in pods:
        domain = domains.get(other.spec.node_name or "")
        beside = other.metadata.namespace == pod.metadata.namespace and other is not pod
        if domain in counts and beside and runs(other):
            counts[domain] += selects(constraint.label_selector, other.metadata.labels or {})
    return counts.get(here, 0) + 1 - min(counts.values(), default=0)
