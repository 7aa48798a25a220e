"""Names what blocks a drain: the pods left on a node, and the budgets that protect them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    is_evictable,
    selects,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Object = dict[str, Any]


def blockers(pods: Sequence[Object], budgets: Sequence[Object]) -> list[str]:
    """One sentence a pod that a drain left behind, with the budgets that cover it."""
    sentences = []
    for pod in pods:
        if not is_evictable(pod):
            continue
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        covering = [budget for budget in budgets if _covers(budget, pod)]
        reason = (
            "; ".join(_describe(budget) for budget in covering)
            or "no PodDisruptionBudget covers it: see its events"
        )
        sentences.append(f"pod {name} is still there ({reason})")
    return sentences


def _covers(budget: Object, pod: Object) -> bool:
    if budget["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    return selects(budget["spec"].get("selector"), pod["metadata"].get("labels") or {})


def _describe(budget: Object) -> str:
    spec, status = budget["spec"], budget.get("status", {})
    rule = next(
        (f"{key} {spec[key]}" for key in ("minAvailable", "maxUnavailable") if key in spec),
        "no rule",
    )
    return (
        f"PodDisruptionBudget {budget['metadata']['namespace']}/{budget['metadata']['name']}: "
        f"{rule}, "
        f"{status.get('currentHealthy', 0)} of {status.get('expectedPods', 0)} pods healthy, "
        f"disruptionsAllowed {status.get('disruptionsAllowed', 0)}"
    )


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {"drain_blockers": blockers}
