"""Which pods a drain of their node evicts, in which order, and what it would lose.

Pure, as ``kubectl drain`` judges them; modules on nodes and the harness use it, Python 3.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    Object,
    condition_is_true,
    controller,
    full_name,
    is_finished,
    is_mirror,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

CORDON_TAINT = "node.kubernetes.io/unschedulable"


def is_ending(pod: Object) -> bool:
    """Whether a pod has been deleted and is on its way out."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def daemon_set(pod: Object) -> str:
    """namespace/name of the DaemonSet that a pod belongs to, "" where it does to none."""
    owner = controller(pod) or {}
    if owner.get("kind") != "DaemonSet" or owner.get("apiVersion", "apps/v1") != "apps/v1":
        return ""
    return f"{pod['metadata'].get('namespace', '')}/{owner.get('name', '')}"


def protection(pod: Object) -> int:
    """Order of evictions: a budget that refuses one pod refuses those after it too.

    It does not count what has not begun to run or has ended, and may let go what is not ready.
    """
    if is_finished(pod) or (pod.get("status") or {}).get("phase") == "Pending":
        return 0
    return 2 if condition_is_true(pod, "Ready") else 1


def eviction_of(pod: Object) -> tuple[str, dict[str, Any]]:
    """Path and body of the request that evicts this very pod, and no namesake."""
    metadata = pod["metadata"]
    name, namespace = metadata["name"], metadata["namespace"]
    return f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
    }


def tolerates_cordon(pod: Object) -> bool:
    """Whether the scheduler may place a pod on a cordoned node.

    >>> tolerates_cordon({"spec": {"tolerations": [{"operator": "Exists"}]}})
    True
    >>> tolerates_cordon({"spec": {"tolerations": [{"key": "x", "operator": "Exists"}]}})
    False
    """
    for toleration in (pod.get("spec") or {}).get("tolerations") or ():
        exists = toleration.get("operator") == "Exists"
        key = toleration.get("key") or ""
        if (
            (key == CORDON_TAINT or (exists and not key))
            and (exists or not toleration.get("value"))
            and toleration.get("effect") in (None, "", "NoSchedule")
        ):
            return True
    return False


def explain_unmanaged(node: str, pods: Iterable[Object]) -> str:
    """Say why these pods forbid a drain of their node: no controller makes them again.

    "" where each has one.
    """
    names = [
        full_name(pod)
        for pod in pods
        if not (is_mirror(pod) or is_finished(pod) or is_ending(pod) or controller(pod))
    ]
    if not names:
        return ""
    return (
        f"a drain of {node} would delete for good what has no controller: pod {', '.join(names)}; "
        "delete it, or give it a controller such as a Deployment"
    )


def name_local_data(pods: Iterable[Object]) -> list[str]:
    """Name the pods whose local data (emptyDir) a drain deletes."""
    return [
        full_name(pod)
        for pod in pods
        if not (is_mirror(pod) or is_finished(pod) or daemon_set(pod))
        and any("emptyDir" in volume for volume in (pod.get("spec") or {}).get("volumes") or ())
    ]


def warn_of_local_data(pods: Iterable[Object]) -> str:
    """Say whose local data a drain deletes, "" where there are none."""
    names = name_local_data(pods)
    return f"a drain deletes the local data (emptyDir) of {', '.join(names)}" if names else ""


def is_closed(budget: Object) -> bool:
    """Whether a budget will let no pod go: all of its pods are healthy, and none may be missing.

    One that was changed since its status was written is not judged.
    """
    status = budget.get("status") or {}
    current = budget["metadata"].get("generation", 0) <= status.get("observedGeneration", 0)
    healthy, pods = status.get("currentHealthy", 0), status.get("expectedPods", 0)
    return bool(current and healthy >= pods > 0 and not status.get("disruptionsAllowed"))


def describe_budget(budget: Object) -> str:
    """A disruption budget with its arithmetic."""
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    rule = next(
        (f"{key} {spec[key]}" for key in ("minAvailable", "maxUnavailable") if key in spec),
        "no rule",
    )
    return (
        f"PodDisruptionBudget {full_name(budget)} ({rule}: "
        f"{status.get('currentHealthy', 0)} of {status.get('expectedPods', 0)} pods healthy, "
        f"{status.get('desiredHealthy', 0)} must stay, "
        f"allows {status.get('disruptionsAllowed', 0)} now)"
    )
