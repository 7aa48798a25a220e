"""Evictions, and the disruption budgets that block them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from kubedrill.cluster.objects import selects


@dataclass(frozen=True, slots=True)
class Eviction:
    """What the API said to an eviction.

    ``outcome``: "done" (the pod is going), "blocked" (a disruption budget says later; ``reason``
    names it) or "gone" (there is no such pod any more).
    """

    outcome: str
    reason: str = ""


def evict(core: Any, policy: Any, pod: Any, grace_s: int | None = None) -> Eviction:
    """Ask for one eviction. 429 means that a disruption budget says later.

    404 that the pod is gone.

    Raises:
        ApiException: any other refusal.
    """
    name, namespace = pod.metadata.name, pod.metadata.namespace
    body = client.V1Eviction(
        metadata=client.V1ObjectMeta(name=name, namespace=namespace),
        delete_options=client.V1DeleteOptions(
            grace_period_seconds=grace_s, preconditions=client.V1Preconditions(uid=pod.metadata.uid)
        ),
    )
    try:
        core.create_namespaced_pod_eviction(name, namespace, body)
    except client.ApiException as error:
        if error.status in (404, 409):  # gone, or by now another pod of that name
            return Eviction("gone")
        if error.status == 429:
            return Eviction("blocked", _blocking_budget(policy, pod, _message(error)))
        raise
    return Eviction("done")


def _blocking_budget(policy: Any, pod: Any, reason: str) -> str:
    labels = pod.metadata.labels or {}
    names = [
        f"{budget.metadata.namespace}/{budget.metadata.name} "
        f"(allows {budget.status.disruptions_allowed} now)"
        for budget in policy.list_namespaced_pod_disruption_budget(pod.metadata.namespace).items
        if selects(budget.spec.selector, labels)
    ]
    return f"PodDisruptionBudget {', '.join(names) or 'unknown'}: {reason}"


def _message(error: client.ApiException) -> str:
    """The message of the Status object that an error carries."""
    try:
        status = json.loads(error.body or "")
    except ValueError:
        return str(error.reason)
    return str(status.get("message") or error.reason)
