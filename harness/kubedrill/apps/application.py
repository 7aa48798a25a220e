"""What drills and the runner ask of an application: kubedrill's sample or the user's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kubedrill.cluster.object_client import missing_is_fine

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the application is reached.

    ``node_port`` and ``grpc`` go through the virtual address, from outside; ``service`` and
    ``dns_name`` (which resolves to ``address``) from inside. ``asked_outside`` and
    ``asked_inside``: what else probes have to know (kind, host and verify of a
    :class:`kubedrill.base.model.ProbeSpec`), where it differs from its defaults.
    """

    node_port: str
    service: str
    dns_name: str
    address: str
    grpc: str = ""
    asked_outside: tuple[tuple[str, Any], ...] = ()
    asked_inside: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class AppStatus:
    """What is deployed now. ``problem`` is what the rollout lacks, "" when it is complete."""

    version: str
    replicas: int
    ready: int
    nodes: dict[str, str]  # pod → node, of pods that are not being deleted
    problem: str


class Application(ABC):
    """An application of one cluster. Every method may be called again at any time.

    ``kind`` and ``name`` are its workload's; :attr:`selector` finds that workload's pods in
    ``namespace``. ``versions`` are those that it can be rolled to; () where kubedrill knows no
    second one. ``description`` is for people.
    """

    kind = "Deployment"
    name: str
    namespace: str
    versions: tuple[str, ...] = ()
    description: str

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    @property
    @abstractmethod
    def selector(self) -> str:
        """Label selector of the workload's pods."""

    @abstractmethod
    def unfit(self) -> list[str]:
        """Why it cannot be deployed or drilled on this cluster, all reasons at once.

        [] when it can. Reads only.
        """

    @abstractmethod
    def deploy(self) -> None:
        """Bring it up, complete, and wait for it.

        Raises StepFailed with pod states, events and log tails.
        """

    @abstractmethod
    def roll(self, version: str) -> None:
        """Bring it to another of its versions. Raises UsageError where there is no such version."""

    @abstractmethod
    def wait_ready(self) -> None:
        """Wait (timeouts.rollout) until it is complete. Raises StepFailed as :meth:`deploy`."""

    @abstractmethod
    def endpoints(self) -> Endpoints:
        """Return where it is reached; it must be deployed."""

    @abstractmethod
    def remove(self) -> None:
        """Take away what :meth:`deploy` put there, and wait until it is gone."""

    def status(self) -> AppStatus | None:
        """Return what is deployed now, or None when the workload is not there."""
        with missing_is_fine():
            live = self._workload()
            return AppStatus(
                version=live.spec.template.spec.containers[0].image.rpartition(":")[2],
                replicas=live.spec.replicas,
                ready=live.status.ready_replicas or 0,
                nodes={
                    p.metadata.name: p.spec.node_name or ""
                    for p in self._pods()
                    if p.metadata.deletion_timestamp is None
                },
                problem=self._api.rollout_problem(self.kind, self.namespace, self.name) or "",
            )
        return None

    def pod_spec(self) -> Any:
        """Return the V1PodSpec of the workload's pods; it must be deployed."""
        return self._workload().spec.template.spec

    def _workload(self) -> Any:
        return self._api.workload(self.kind, self.namespace, self.name)

    def _pods(self) -> list[Any]:
        return self._api.pods(self.namespace, self.selector)


def is_spread(api: ClusterApi, pods: list[Any]) -> bool:
    """Whether pods are on more than one node, where there are several pods and nodes."""
    repelling = ("NoSchedule", "NoExecute")
    takers = [
        node
        for node in api.nodes()
        if not node.spec.unschedulable
        and not any(taint.effect in repelling for taint in node.spec.taints or [])
        and api.ready(node)
    ]
    staying = [pod.spec.node_name for pod in pods if pod.metadata.deletion_timestamp is None]
    return len(set(staying)) > 1 or len(takers) < 2 or len(staying) == 1


def restart(api: ClusterApi, kind: str, namespace: str, name: str, annotation: str) -> None:
    """Start new pods in turn, as `kubectl rollout restart` does: the scheduler places them anew."""
    patch = {
        "Deployment": api.apps.patch_namespaced_deployment,
        "StatefulSet": api.apps.patch_namespaced_stateful_set,
    }[kind]
    stamp = {annotation: datetime.now(UTC).isoformat(timespec="milliseconds")}
    patch(name, namespace, {"spec": {"template": {"metadata": {"annotations": stamp}}}})
