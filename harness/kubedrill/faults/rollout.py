"""A release of the app that is broken: its image is missing, it crashes, or it never gets ready."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from kubedrill.cluster.api import ADMIN_CONF
from kubedrill.cluster.undo_timer import NodeUndo
from kubedrill.faults import on_node
from kubedrill.faults.base import Effect, require_known
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

BREAKS: dict[str, dict[str, Any]] = {
    "image missing": {"image": "kubedrill.invalid/no-such-image:v0"},
    "crash loop": {"command": ["python3", "-c", "raise SystemExit('broken on purpose')"]},
    "never ready": {"readinessProbe": {"httpGet": {"path": "/broken-on-purpose"}}},
}
"""What is wrong with a release → what is changed in its container. The name invalid is never
resolved (RFC 6761)."""

SYMPTOMS = {
    "image missing": ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"),
    "crash loop": ("CrashLoopBackOff",),
    "never ready": ("running, not ready",),
}
"""What is wrong → how Kubernetes tells it of the new pod."""


@register
@dataclass
class BadRollout(Effect):
    """The Deployment ``deployment`` of ``namespace`` gets a release with something wrong.

    A key of :data:`BREAKS`.
    """

    traces: ClassVar[tuple[Trace, ...]] = (on_node.UNITS,)

    namespace: str
    deployment: str
    wrong: str
    selector: str = ""
    before: dict[str, Any] = field(default_factory=dict, repr=False)  # what puts the container back

    def __post_init__(self) -> None:
        require_known(self.wrong, BREAKS, "broken release")

    @property
    def subject(self) -> str:
        """As "kubedrill-app/hello"."""
        return f"{self.namespace}/{self.deployment}"

    @property
    def name(self) -> str:
        """As "bad rollout: image missing"."""
        return f"bad rollout: {self.wrong}"

    evidence = "Kubernetes tells of a new pod what is wrong with it"
    lasts = False  # a container that crashes is between two states for a moment

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Look for the symptom."""
        del place
        return None if self.symptom(cluster) else "nothing is told of a new pod"

    def available(self, cluster: Cluster) -> str | None:
        """Why not: the Deployment would give up a pod that serves for one that does not."""
        deployment = cluster.api.apps.read_namespaced_deployment(self.deployment, self.namespace)
        update = deployment.spec.strategy.rolling_update
        if update is None:
            return (
                f"Deployment {self.subject} is not updated pod by pod "
                f"(strategy {deployment.spec.strategy.type})"
            )
        gives = str(update.max_unavailable)
        return (
            None
            if gives in ("0", "0%")
            else f"Deployment {self.subject} may miss {gives} pods while it is updated"
        )

    def inject(self, cluster: Cluster) -> None:
        """Arm the rollback on a control plane, then release.

        Raises KubedrillError where the undo cannot be armed.
        """
        deployment = cluster.api.apps.read_namespaced_deployment(self.deployment, self.namespace)
        container = cluster.api.client.sanitize_for_serialization(
            deployment.spec.template.spec.containers[0]
        )
        self.before = {
            "name": container["name"],
            **{part: container.get(part) for part in BREAKS[self.wrong]},
        }
        on_node.arm(cluster, self._undo(cluster))
        self._patch(cluster, {"name": container["name"], **BREAKS[self.wrong]})
        cluster.note(self.subject, f"released: {self.wrong}")

    def heal(self, cluster: Cluster) -> None:
        """Roll back to what was there, and disarm the undo. Does not wait for the pods."""
        if self.before:
            self._patch(cluster, self.before)
            self._undo(cluster).disarm()

    def symptom(self, cluster: Cluster) -> str:
        """How Kubernetes tells what is wrong with the new pod, "" as long as it does not."""
        for pod in cluster.api.pods(self.namespace, self.selector):
            for status in pod.status.container_statuses or []:
                waiting = (
                    status.state.waiting.reason if status.state and status.state.waiting else ""
                )
                running = (
                    "running, not ready"
                    if status.state and status.state.running and not status.ready
                    else ""
                )
                if (waiting or running) in SYMPTOMS[self.wrong]:
                    return f"pod {pod.metadata.name}: {waiting or running}"
        return ""

    def _patch(self, cluster: Cluster, container: dict[str, Any]) -> None:
        patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
        cluster.api.apps.patch_namespaced_deployment(self.deployment, self.namespace, patch)

    def _undo(self, cluster: Cluster) -> NodeUndo:
        """On a control plane, as no node is broken.

        The same patch, which changes nothing where it is back already.
        """
        patch = json.dumps({"spec": {"template": {"spec": {"containers": [self.before]}}}})
        line = (
            f"kubectl --kubeconfig {ADMIN_CONF} -n {self.namespace} patch deployment "
            f"{self.deployment} --type=strategic -p {shlex.quote(patch)}"
        )
        return NodeUndo(cluster.hosts, cluster.inventory.control_planes[0].name, "rollout", line)
