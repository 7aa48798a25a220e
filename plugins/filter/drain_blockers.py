"""Who blocks a drain: the pods that are left on a node and the disruption budgets that protect them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Object = dict[str, Any]


def blockers(pods: Sequence[Object], budgets: Sequence[Object]) -> list[str]:
    """One sentence a pod that a drain left behind, with the budgets that cover it."""
    sentences = []
    for pod in pods:
        if not _evictable(pod):
            continue
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        covering = [budget for budget in budgets if _covers(budget, pod)]
        reason = (
            "; ".join(_describe(budget) for budget in covering)
            or "no PodDisruptionBudget covers it: see its events"
        )
        sentences.append(f"pod {name} is still there ({reason})")
    return sentences


def _evictable(pod: Object) -> bool:
    metadata = pod["metadata"]
    mirror = "kubernetes.io/config.mirror" in metadata.get("annotations", {})
    owners = {owner["kind"] for owner in metadata.get("ownerReferences", ())}
    return (
        not mirror
        and "DaemonSet" not in owners
        and pod["status"]["phase"] not in {"Succeeded", "Failed"}
    )


def _covers(budget: Object, pod: Object) -> bool:
    if budget["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    return matches(budget["spec"].get("selector") or {}, pod["metadata"].get("labels", {}))


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether labels match a Kubernetes label selector.

    An empty selector matches everything (policy/v1).

    >>> matches({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, {"app": "web"})
    True
    """
    exact = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in exact.items()) and all(
        _matches_expression(expression, labels)
        for expression in selector.get("matchExpressions") or ()
    )


def _matches_expression(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


def _describe(budget: Object) -> str:
    spec, status = budget["spec"], budget.get("status", {})
    rule = next(
        (f"{key} {spec[key]}" for key in ("minAvailable", "maxUnavailable") if key in spec),
        "no rule",
    )
    return (
        f"PodDisruptionBudget {budget['metadata']['namespace']}/{budget['metadata']['name']}: {rule}, "
        f"{status.get('currentHealthy', 0)} of {status.get('expectedPods', 0)} pods healthy, "
        f"disruptionsAllowed {status.get('disruptionsAllowed', 0)}"
    )


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {"drain_blockers": blockers}
