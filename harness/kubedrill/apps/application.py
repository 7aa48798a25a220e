"""What drills and the runner ask of an application: kubedrill's sample or the user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


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


def status_of(workload: Any, pods: Iterable[Any], problem: str | None) -> AppStatus:
    """What a Deployment or StatefulSet and its pods are now."""
    return AppStatus(
        version=workload.spec.template.spec.containers[0].image.rpartition(":")[2],
        replicas=workload.spec.replicas,
        ready=workload.status.ready_replicas or 0,
        nodes={
            p.metadata.name: p.spec.node_name or ""
            for p in pods
            if p.metadata.deletion_timestamp is None
        },
        problem=problem or "",
    )


class Application(Protocol):
    """An application of one cluster. Every method may be called again at any time.

    ``name`` is its workload's, ``selector`` finds that workload's pods in ``namespace``.
    ``versions`` are those that it can be rolled to; () where kubedrill knows no second one.
    ``told`` says in words what it is.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - above

    @property
    def namespace(self) -> str: ...  # noqa: D102

    @property
    def selector(self) -> str: ...  # noqa: D102

    @property
    def versions(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def description(self) -> str: ...  # noqa: D102

    def unfit(self) -> list[str]:
        """Why it cannot be deployed or drilled on this cluster, all reasons at once.

        [] when it can. Reads only.
        """

    def deploy(self) -> None:
        """Bring it up, complete, and wait for it.

        Raises StepFailed with pod states, events and log tails.
        """

    def roll(self, version: str) -> None:
        """Bring it to another of its versions. Raises UsageError where there is no such version."""

    def wait_ready(self) -> None:
        """Wait (timeouts.rollout) until it is complete. Raises StepFailed as :meth:`deploy`."""

    def status(self) -> AppStatus | None:
        """Return what is deployed now, or None when nothing is."""

    def pod_spec(self) -> Any:
        """Return the V1PodSpec of the workload's pods; it must be deployed."""

    def endpoints(self) -> Endpoints:
        """Return where it is reached; it must be deployed."""

    def remove(self) -> None:
        """Take away what :meth:`deploy` put there, and wait until it is gone."""
