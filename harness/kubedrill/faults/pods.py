"""Pods that die without a word.

No undo is armed: their controller and the kubelet replace them, which is the point.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from kubedrill.faults import on_node
from kubedrill.faults.base import ShortEffect, injecting
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace


class Life(NamedTuple):
    """One life of a container; it dies with its pod, or is restarted in it."""

    pod: str
    uid: str
    container: str
    restarts: int


def read_lives(pods: Iterable[Any]) -> set[Life]:
    """The lives of all containers of some pods."""
    return {
        Life(pod.metadata.name, pod.metadata.uid, status.name, status.restart_count)
        for pod in pods
        for status in pod.status.container_statuses or []
    }


def explain_survivors(before: set[Life], now: set[Life]) -> str | None:
    """Name the pods of containers that live on; None where all that were there have died."""
    if not before:
        return "no container was there to kill"
    names = sorted({life.pod for life in before & now})
    return f"{', '.join(names)} lives on" if names else None


@register
@dataclass
class PodKill(ShortEffect):
    """Pods of a namespace are deleted without any grace.

    One by ``pod``, or all of ``selector`` at once.

    The kubelet kills what runs in them at once; no preStop hook, no time to leave the Service.
    """

    traces: ClassVar[tuple[Trace, ...]] = ()  # its controller or the kubelet makes another

    namespace: str
    pod: str = ""
    selector: str = ""
    before: set[Life] = field(default_factory=set, repr=False)

    evidence = "every container that was killed is another one"

    @property
    def subject(self) -> str:
        """The pod, or the namespace and what selects the pods."""
        return f"{self.namespace}/{self.pod or self.selector}"

    @property
    def name(self) -> str:
        """As "pod killed"."""
        return "pod killed" if self.pod else "all pods killed"

    def available(self, cluster: Cluster) -> str | None:
        """Why not: there is no such pod, or nobody would replace it."""
        pods = [
            p
            for p in cluster.api.pods(self.namespace, self.selector)
            if self.pod in ("", p.metadata.name)
        ]
        if not pods:
            return f"there is no pod {self.subject}"
        orphans = [
            p.metadata.name
            for p in pods
            if not any(o.controller for o in p.metadata.owner_references or [])
        ]
        return (
            f"nobody would replace {', '.join(orphans)}: no controller owns it" if orphans else None
        )

    def inject(self, cluster: Cluster) -> None:
        """Delete them in one request."""
        self.before = self._lives(cluster)
        if self.pod:
            cluster.api.core.delete_namespaced_pod(self.pod, self.namespace, grace_period_seconds=0)
        else:
            cluster.api.core.delete_collection_namespaced_pod(
                self.namespace, label_selector=self.selector, grace_period_seconds=0
            )
        cluster.note(self.subject, "deleted without grace")

    def heal(self, cluster: Cluster) -> None:
        """Nothing to do: the controller has made new ones."""
        del cluster

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Look for the containers that were there before."""
        del place
        return explain_survivors(self.before, self._lives(cluster))

    def _lives(self, cluster: Cluster) -> set[Life]:
        pods = cluster.api.pods(self.namespace, self.selector)
        return read_lives(pod for pod in pods if self.pod in ("", pod.metadata.name))


@register
@dataclass
class ContainerKill(ShortEffect):
    """The first process of one container gets SIGKILL.

    The kubelet starts another container in the same pod.
    """

    traces: ClassVar[tuple[Trace, ...]] = ()  # its controller or the kubelet makes another

    node: str
    namespace: str
    pod: str
    container: str
    name: str = "container killed"
    before: set[Life] = field(default_factory=set, repr=False)

    evidence = PodKill.evidence

    @property
    def subject(self) -> str:
        """As "kubedrill-app/hello-1/hello"."""
        return f"{self.namespace}/{self.pod}/{self.container}"

    def available(self, cluster: Cluster) -> str | None:
        """Why not: the node does not know such a container."""
        missing = f"{self.node} runs no container {self.subject}"
        return on_node.ask(cluster, self.node, f'[ -n "{self._pid}" ]', missing)

    def inject(self, cluster: Cluster) -> None:
        """Kill it. Raises KubedrillError where that could not be done."""
        self.before = self._lives(cluster)
        with injecting():
            cluster.hosts.change(self.node, f'pid="{self._pid}"; [ -n "$pid" ] && kill -KILL $pid')

    def heal(self, cluster: Cluster) -> None:
        """Nothing to do: the kubelet has started another."""
        del cluster

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Look for the container that was there before."""
        del place
        return explain_survivors(self.before, self._lives(cluster))

    def _lives(self, cluster: Cluster) -> set[Life]:
        pods = cluster.api.pods(self.namespace, node=self.node)
        lives = read_lives(pod for pod in pods if pod.metadata.name == self.pod)
        return {life for life in lives if life.container == self.container}

    @property
    def _pid(self) -> str:
        labels = {
            "container.name": self.container,
            "pod.name": self.pod,
            "pod.namespace": self.namespace,
        }
        return pids(**{f"io.kubernetes.{key}": value for key, value in labels.items()})


def pids(**labels: str) -> str:
    """A shell substitution: the process ids of running containers with these labels.

    The labels are those that the kubelet gives every container (pkg/kubelet/types/labels.go).
    """
    chosen = ",".join(f'labels."{name}"=={value}' for name, value in labels.items())
    return (
        "$(ctr -n k8s.io tasks ls | "
        f"awk -v ids=\" $(ctr -n k8s.io containers ls -q {shlex.quote(chosen)} | tr '\\n' ' ') \" "
        '\'$3 == "RUNNING" && index(ids, " " $1 " ") { print $2 }\')'
    )
