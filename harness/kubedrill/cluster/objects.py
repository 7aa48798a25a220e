"""The collection's judgements on Kubernetes objects, for objects of the Python client."""

from __future__ import annotations

from typing import Any

from kubernetes.utils import parse_quantity

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import objects


def to_json(value: Any) -> Any:
    """An object of the client as the API writes it; what is not set is left out."""
    if isinstance(value, list):
        return [to_json(item) for item in value]
    names = getattr(value, "attribute_map", None)
    if names is None:
        return value
    values = {json: getattr(value, name) for name, json in names.items()}
    return {json: to_json(item) for json, item in values.items() if item is not None}


def condition_is_true(obj: Any, name: str) -> bool:
    """Whether a condition is exactly "True": "Unknown" (a dead kubelet) or none is not."""
    return objects.condition_is_true(_conditions(obj), name)


def condition_text(obj: Any, name: str) -> str:
    """A condition for people: "Ready=Unknown (NodeStatusUnknown)"."""
    return objects.condition_text(_conditions(obj), name)


def pod_is_ready(pod: Any) -> bool:
    """Whether a pod runs, is Ready, and is not being deleted."""
    return (
        pod.metadata.deletion_timestamp is None
        and pod.status.phase == "Running"
        and condition_is_true(pod, "Ready")
    )


def rollout_problem(kind: str, obj: Any) -> str | None:
    """What a Deployment, DaemonSet or StatefulSet still needs; None when it is complete."""
    replicas = getattr(obj.spec, "replicas", None)
    workload = {
        "metadata": {"generation": obj.metadata.generation or 0},
        "spec": {} if replicas is None else {"replicas": replicas},
        "status": to_json(obj.status),
    }
    return objects.rollout_problem(kind, workload)


def selects(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a V1LabelSelector matches labels: an empty one matches all, None nothing."""
    return objects.selects(to_json(selector), labels)


def expression_matches(expression: Any, values: dict[str, str]) -> bool:
    """Whether a V1NodeSelectorRequirement matches labels or fields."""
    return objects.expression_matches(to_json(expression), values)


def quantity(text: Any) -> float:
    """Read a quantity.

    >>> quantity("500m"), quantity("2Gi"), quantity("1e3"), quantity(2)
    (0.5, 2147483648.0, 1000.0, 2.0)
    """
    return float(parse_quantity(text))  # type: ignore[no-untyped-call]


def _conditions(obj: Any) -> dict[str, Any]:
    return {"status": {"conditions": to_json(obj.status.conditions if obj.status else None)}}
