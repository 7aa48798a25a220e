"""Judgements on Kubernetes objects, as ``kubectl -o json`` prints them.

Pure, and Python 3.9: modules on nodes, filters on the controller and the harness use it. Conditions
are compared exactly: a Ready condition that is Unknown is not ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]

STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""Static pods of each control plane, as kubeadm names them."""


def full_name(obj: Object) -> str:
    """Return namespace/name."""
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def conditions(obj: Object, kind: str) -> list[Object]:
    """Conditions of one type; one, where the object is as it should be."""
    return [
        entry
        for entry in (obj.get("status") or {}).get("conditions") or ()
        if entry["type"] == kind
    ]


def condition(obj: Object, kind: str) -> Object:
    """The condition of a type; {} where it has none."""
    return next(iter(conditions(obj, kind)), {})


def condition_is_true(obj: Object, kind: str) -> bool:
    """Whether a condition is exactly "True": "Unknown" (a dead kubelet) or none is not."""
    return [entry["status"] for entry in conditions(obj, kind)] == ["True"]


def condition_text(obj: Object, kind: str) -> str:
    """A condition for people: "Ready=Unknown (NodeStatusUnknown)"."""
    entry = condition(obj, kind)
    if not entry:
        return f"{kind} is not reported"
    reason = f" ({entry['reason']})" if entry.get("reason") else ""
    return f"{kind}={entry['status']}{reason}"


def owner_kinds(obj: Object) -> set[str]:
    """Kinds of an object's owners."""
    return {owner["kind"] for owner in obj["metadata"].get("ownerReferences") or ()}


def controller(obj: Object) -> Object | None:
    """The owner that makes an object again, None where it has none."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def is_mirror(pod: Object) -> bool:
    """Whether a pod only mirrors a static one: deleting it changes nothing on the node."""
    return "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {})


def is_finished(pod: Object) -> bool:
    """Whether a pod has ended and runs no more."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def is_evictable(pod: Object) -> bool:
    """Whether a drain has to evict this pod.

    Not a static pod's mirror, not a DaemonSet's, not one that has ended.
    """
    owner = controller(pod)
    return not (
        is_mirror(pod) or is_finished(pod) or (owner is not None and owner["kind"] == "DaemonSet")
    )


def is_observed(workload: Object) -> bool:
    """Whether a workload's controller has seen its newest specification."""
    status = workload.get("status") or {}
    return bool(status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0))


def replica_counts(kind: str, workload: Object) -> tuple[int, dict[str, int]]:
    """Return how many pods a workload asks for, and how many are updated, ready, available, there.

    ``existing`` is left out for a DaemonSet, which does not report it.
    """
    status = workload.get("status") or {}
    if kind == "DaemonSet":
        return status.get("desiredNumberScheduled", 0), {
            "updated": status.get("updatedNumberScheduled", 0),
            "ready": status.get("numberReady", 0),
            "available": status.get("numberAvailable", 0),
        }
    return workload["spec"].get("replicas", 1), {
        "updated": status.get("updatedReplicas", 0),
        "ready": status.get("readyReplicas", 0),
        "available": status.get("availableReplicas", 0),
        "existing": status.get("replicas", 0),
    }


def rollout_problem(kind: str, workload: Object) -> str | None:
    """What a Deployment, DaemonSet or StatefulSet still needs; None when it is complete.

    Complete means: the controller has seen the newest spec, and as many pods as asked for are of
    the newest template, ready and available, and no others are left.
    """
    if not is_observed(workload):
        return "its controller has not seen the newest spec"
    expected, counts = replica_counts(kind, workload)
    short = [f"{count} {name}" for name, count in counts.items() if count != expected]
    return f"{', '.join(short)}, expected {expected}" if short else None


def selects(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches labels: an empty one matches all, None matches nothing.

    >>> web = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}
    >>> selects(web, {"app": "web"}), selects({}, {"app": "web"}), selects(None, {"app": "web"})
    (True, True, False)
    """
    if selector is None:
        return False
    exact = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in exact) and all(
        expression_matches(expression, labels)
        for expression in selector.get("matchExpressions") or ()
    )


def expression_matches(expression: Object, labels: Mapping[str, str]) -> bool:
    """Whether an expression of a label or node selector matches; Gt and Lt compare numbers.

    >>> cores = {"key": "cores", "operator": "Gt", "values": ["8"]}
    >>> expression_matches(cores, {"cores": "10"}), expression_matches(cores, {})
    (True, False)
    """
    key, values = expression["key"], expression.get("values") or ()
    if expression["operator"] in {"Gt", "Lt"}:
        sign = 1 if expression["operator"] == "Gt" else -1
        return key in labels and sign * int(labels[key]) > sign * int(values[0])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]
