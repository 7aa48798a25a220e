"""What several rules share: the issues they report, and small questions about pods and nodes.

Pure functions; the judge adds a rule's name to its issues.
"""

from __future__ import annotations

from typing import Any

from kubedrill.cluster.objects import selects
from kubedrill.readiness.model import Issue, Severity

_FINISHED = ("Succeeded", "Failed")
_MIRROR = "kubernetes.io/config.mirror"


def name_of(obj: Any) -> str:
    """Write "namespace/name", or the name alone where there is no namespace."""
    namespace = obj.metadata.namespace
    return f"{namespace}/{obj.metadata.name}" if namespace else str(obj.metadata.name)


def controller(pod: Any) -> Any | None:
    """The owner reference of a pod's controller, None for a pod that is not recreated."""
    return next((owner for owner in pod.metadata.owner_references or [] if owner.controller), None)


def is_mirror(pod: Any) -> bool:
    """Whether a pod is the API's picture of a static pod."""
    return _MIRROR in (pod.metadata.annotations or {})


def runs(pod: Any) -> bool:
    """Whether a pod has not ended and is not about to be deleted."""
    return pod.status.phase not in _FINISHED and pod.metadata.deletion_timestamp is None


def must_leave(pod: Any) -> bool:
    """Whether a drain has to evict a pod.

    Not one of a DaemonSet, not a static one's mirror, not one that has ended.
    """
    owner = controller(pod)
    return runs(pod) and not is_mirror(pod) and not (owner and owner.kind == "DaemonSet")


def workload(pod: Any) -> str:
    """What a pod belongs to: "Deployment shop/web", or "pod shop/lonely"."""
    owner = controller(pod)
    if owner is None or is_mirror(pod):
        return f"pod {name_of(pod)}"
    digest = (pod.metadata.labels or {}).get("pod-template-hash", "")
    if owner.kind == "ReplicaSet" and digest and owner.name.endswith(f"-{digest}"):
        return f"Deployment {pod.metadata.namespace}/{owner.name.removesuffix(f'-{digest}')}"
    return f"{owner.kind} {pod.metadata.namespace}/{owner.name}"


def leaving(pods: tuple[Any, ...], node: str) -> list[Any]:
    """The pods that a drain of one node evicts."""
    return [pod for pod in pods if pod.spec.node_name == node and must_leave(pod)]


def budgets_of(pod: Any, budgets: tuple[Any, ...]) -> list[Any]:
    """The disruption budgets that cover a pod."""
    labels = pod.metadata.labels or {}
    return [
        budget
        for budget in budgets
        if budget.metadata.namespace == pod.metadata.namespace
        and selects(budget.spec.selector, labels)
    ]


def size(count: float) -> str:
    """Bytes for people.

    >>> size(1_500_000_000), size(80_000)
    ('1.5 GB', '0.1 MB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def image_name(reference: str) -> str:
    """Write an image reference as containerd does.

    >>> image_name("nginx"), image_name("rancher/x:v1"), image_name("registry.k8s.io/pause:3.10")
    ('docker.io/library/nginx:latest', 'docker.io/rancher/x:v1', 'registry.k8s.io/pause:3.10')
    """
    first, slash, _ = reference.partition("/")
    if not slash:
        reference = f"docker.io/library/{reference}"
    elif "." not in first and ":" not in first and first != "localhost":
        reference = f"docker.io/{reference}"
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"


def blocker(subject: str, actual: str, expected: str, action: str) -> Issue:
    """The upgrade would fail, stop half-way or break something for certain."""
    return Issue("", Severity.BLOCKER, subject, actual, expected, action)


def warning(subject: str, actual: str, expected: str, action: str) -> Issue:
    """The upgrade goes through, but somebody would notice, or a limit is near."""
    return Issue("", Severity.WARNING, subject, actual, expected, action)


def unknown(subject: str, actual: str, expected: str, action: str) -> Issue:
    """Something that matters could not be found out."""
    return Issue("", Severity.UNKNOWN, subject, actual, expected, action)


def info(subject: str, actual: str, action: str = "") -> Issue:
    """Worth knowing; nothing has to be done."""
    return Issue("", Severity.INFO, subject, actual, "", action)


def several(names: list[str] | tuple[str, ...], limit: int = 5) -> str:
    """Join names, the first few of many.

    >>> several(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown
