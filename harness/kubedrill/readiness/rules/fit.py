"""Could a pod run on a node? The scheduler's required rules; preferences are left out.

Pure functions of API objects.

Not judged, because the API does not have it: limits of volumes a node can attach, extended
resources of devices that are handed out by DRA, and scheduler plugins other than the default ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedrill.cluster.objects import condition_is_true, selects
from kubedrill.readiness.rules.objects import quantity, runs

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def why_not(
    pod: Any, node: Any, there: list[Any], nodes: dict[str, Any], pods: Iterable[Any]
) -> str:
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
    if lacking := _lacking(pod, node, there):
        return lacking
    return _neighbours(pod, node, nodes, list(pods))


def _neighbours(pod: Any, node: Any, nodes: dict[str, Any], pods: list[Any]) -> str:
    if _anti_affinity(pod, node, nodes, pods):
        return "required anti-affinity"
    return "required topology spread" if _spread_broken(pod, node, nodes, pods) else ""


def requests(pod: Any) -> dict[str, float]:
    """What a pod asks for: the sum of its containers, or its largest init container.

    And its overhead.
    """
    total: dict[str, float] = {"pods": 1.0}
    sidecars = [c for c in pod.spec.init_containers or [] if c.restart_policy == "Always"]
    for container in [*pod.spec.containers, *sidecars]:
        for name, text in _asked(container).items():
            total[name] = total.get(name, 0.0) + quantity(text)
    for container in pod.spec.init_containers or []:
        for name, text in _asked(container).items():
            total[name] = max(total.get(name, 0.0), quantity(text))
    for name, text in (pod.spec.overhead or {}).items():
        total[name] = total.get(name, 0.0) + quantity(text)
    return total


def _asked(container: Any) -> dict[str, Any]:
    return (container.resources.requests if container.resources else None) or {}


def _lacking(pod: Any, node: Any, there: list[Any]) -> str:
    used: dict[str, float] = {}
    for other in there:
        for name, amount in requests(other).items():
            used[name] = used.get(name, 0.0) + amount
    allocatable = node.status.allocatable or {}
    for name, amount in requests(pod).items():
        free = quantity(allocatable.get(name, 0)) - used.get(name, 0.0)
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
    if not toleration.key:
        return bool(toleration.operator == "Exists")
    if toleration.key != taint.key:
        return False
    return bool(toleration.operator == "Exists" or (toleration.value or "") == (taint.value or ""))


def _labels_match(pod: Any, node: Any) -> bool:
    labels = {**(node.metadata.labels or {})}
    if any(labels.get(key) != value for key, value in (pod.spec.node_selector or {}).items()):
        return False
    affinity = pod.spec.affinity and pod.spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    return not required or node_selector_matches(required, node)


def node_selector_matches(selector: Any, node: Any) -> bool:
    """Whether any term of a V1NodeSelector (of a pod or a volume) matches a node."""
    return any(_term_matches(term, node) for term in selector.node_selector_terms or [])


def _term_matches(term: Any, node: Any) -> bool:
    expressions, fields = term.match_expressions or [], term.match_fields or []
    if not expressions and not fields:
        return False
    labels = node.metadata.labels or {}
    by_field = {"metadata.name": node.metadata.name}
    return all(_matches(e, labels) for e in expressions) and all(
        _matches(e, by_field) for e in fields
    )


def _matches(expression: Any, labels: dict[str, str]) -> bool:
    value, values = labels.get(expression.key), expression.values or []
    match str(expression.operator):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and int(value) > int(values[0])
        case _:  # Lt
            return value is not None and int(value) < int(values[0])


def _host_ports(pod: Any) -> set[tuple[int, str]]:
    ports = [port for c in pod.spec.containers for port in c.ports or []]
    return {(port.host_port, port.protocol or "TCP") for port in ports if port.host_port}


def _anti_terms(pod: Any) -> list[Any]:
    affinity = pod.spec.affinity and pod.spec.affinity.pod_anti_affinity
    return list((affinity and affinity.required_during_scheduling_ignored_during_execution) or [])


def _anti_affinity(pod: Any, node: Any, nodes: dict[str, Any], pods: list[Any]) -> bool:
    """Whether a pod in the node's topology must not be beside this one, by the wish of either."""
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
    everywhere = term.namespace_selector is not None
    inside = everywhere or other.metadata.namespace in spaces
    return inside and selects(term.label_selector, other.metadata.labels or {})


def _spread_broken(pod: Any, node: Any, nodes: dict[str, Any], pods: list[Any]) -> bool:
    constraints = [
        c
        for c in pod.spec.topology_spread_constraints or []
        if c.when_unsatisfiable == "DoNotSchedule"
    ]
    return any(_skew_after(pod, node, nodes, pods, c) > c.max_skew for c in constraints)


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
    domains = [
        n
        for n in nodes.values()
        if _labels_match(pod, n) and (n.metadata.labels or {}).get(key) is not None
    ]
    counts = {n.metadata.labels[key]: 0 for n in domains}
    for other in pods:
        home = nodes.get(other.spec.node_name or "")
        domain = (home.metadata.labels or {}).get(key) if home is not None else None
        same = (
            other.metadata.namespace == pod.metadata.namespace and other is not pod and runs(other)
        )
        if (
            domain in counts
            and same
            and selects(constraint.label_selector, other.metadata.labels or {})
        ):
            counts[domain] += 1
    return counts.get(here, 0) + 1 - min(counts.values(), default=0)
