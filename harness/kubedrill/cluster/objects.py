"""Judgements on Kubernetes objects.

Pure functions, each of a trap that other projects fell into.
"""

from __future__ import annotations

from typing import Any


def condition_is_true(obj: Any, name: str) -> bool:
    """Whether a condition is exactly "True": "Unknown" (a dead kubelet) or none is not."""
    conditions = (obj.status.conditions if obj.status else None) or []
    statuses = [condition.status for condition in conditions if condition.type == name]
    return statuses == ["True"]


def condition_text(obj: Any, name: str) -> str:
    """A condition for people: "Ready=Unknown (NodeStatusUnknown)"."""
    conditions = (obj.status.conditions if obj.status else None) or []
    for condition in conditions:
        if condition.type == name:
            return f"{name}={condition.status}" + (
                f" ({condition.reason})" if condition.reason else ""
            )
    return f"{name} is not reported"


def pod_is_ready(pod: Any) -> bool:
    """Whether a pod runs, is Ready, and is not being deleted."""
    return (
        pod.metadata.deletion_timestamp is None
        and pod.status.phase == "Running"
        and condition_is_true(pod, "Ready")
    )


def rollout_problem(kind: str, obj: Any) -> str | None:
    """What a Deployment, DaemonSet or StatefulSet still lacks; None when it is complete.

    Complete means: the controller has seen the newest spec, and as many pods as asked for are of
    the newest template, ready and available, and no others are left.
    """
    status = obj.status
    if (status.observed_generation or 0) < (obj.metadata.generation or 0):
        return "its controller has not seen the newest spec"
    if kind == "DaemonSet":
        expected = status.desired_number_scheduled or 0
        counts = {
            "updated": status.updated_number_scheduled or 0,
            "ready": status.number_ready or 0,
            "available": status.number_available or 0,
        }
    else:
        expected = 1 if obj.spec.replicas is None else obj.spec.replicas
        counts = {
            "updated": status.updated_replicas or 0,
            "ready": status.ready_replicas or 0,
            "available": status.available_replicas or 0,
            "existing": status.replicas or 0,
        }
    short = [f"{count} {name}" for name, count in counts.items() if count != expected]
    return f"{', '.join(short)}, expected {expected}" if short else None


def selects(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a V1LabelSelector matches labels.

    An empty selector matches all, None matches nothing.
    """
    if selector is None:
        return False
    exact = all(labels.get(key) == value for key, value in (selector.match_labels or {}).items())
    return exact and all(_expression(e, labels) for e in selector.match_expressions or [])


def _expression(expression: Any, labels: dict[str, str]) -> bool:
    value, values = labels.get(expression.key), expression.values or []
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[str(expression.operator)]
