"""A service on one node is stopped, killed or frozen.

Systemd's units, static pods and the pods of kube-system alike.

| verb | systemd unit | static pod | pod of a controller |
|---|---|---|---|
| stop | ``systemctl stop`` | its manifest is moved aside, the kubelet ends it | not offered |
| kill | SIGKILL | SIGKILL for its container's process; the kubelet starts another | same |
| freeze | SIGSTOP: it holds its ports and leases and answers nobody | same | same |

A frozen process is what a health check that only looks for a process misses. The kubelet restarts a
frozen container once its liveness probe has failed often enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import UsageError
from kubedrill.faults import on_node
from kubedrill.faults.base import injecting
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import Script
from kubedrill.faults.pods import pids
from kubedrill.faults.service_traces import FROZEN, NODE_SERVICES, PAUSED, SERVICE_DOWN
from kubedrill.faults.static_pods import MANIFESTS, PARKED, STATIC_POD_TRACES
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

VERBS = {"stop": "stopped", "kill": "killed", "freeze": "frozen"}
"""Verb → what the service is then."""

_SIGNALS = {"kill": "KILL", "freeze": "STOP"}


@dataclass(frozen=True, slots=True)
class Service:
    """One service. ``kind``: "unit" (systemd), "static" (static pod) or "pod".

    Of a controller in kube-system.

    ``whole``: a unit whose work is done by child processes gets signals with all of them.
    containerd must not: the shims that keep containers alive are in its control group too.
    """

    name: str
    kind: str
    whole: bool = False


SERVICES = {
    service.name: service
    for service in (
        Service("kubelet", "unit"),
        Service("containerd", "unit"),
        Service("keepalived", "unit", whole=True),
        Service("haproxy", "unit", whole=True),
        Service("kube-apiserver", "static"),
        Service("etcd", "static"),
        Service("kube-scheduler", "static"),
        Service("kube-controller-manager", "static"),
        Service("kube-proxy", "pod"),
        Service("coredns", "pod"),
    )
}
"""Every service by its name; that of a container is also its name in kubeadm's manifests."""


def find_service(name: str, verb: str) -> Service:
    """Return a service that can be treated so.

    Raises:
        UsageError: no such service or verb, or the verb does not fit; all mistakes at once.
    """
    mistakes = []
    if name not in SERVICES:
        mistakes.append(f"no service {name!r}; expected one of: {', '.join(SERVICES)}")
    if verb not in VERBS:
        mistakes.append(f"no verb {verb!r}; expected one of: {', '.join(VERBS)}")
    if not mistakes and verb == "stop" and SERVICES[name].kind == "pod":
        mistakes.append(
            f"{name} cannot be stopped: its controller starts another pod at once; kill or freeze "
            "it"
        )
    if mistakes:
        raise UsageError("; ".join(mistakes))
    return SERVICES[name]


_ON_WORKERS = (*NODE_SERVICES, "kube-proxy", "coredns")
"""What a worker has, or can have, too: another node goes on serving."""


@register
@dataclass
class ServiceFault(NodeFault):
    """Stops, kills or freezes ``service`` on the node ``subject``."""

    traces: ClassVar[tuple[Trace, ...]] = (
        *STATIC_POD_TRACES,
        SERVICE_DOWN,
        FROZEN,
        PAUSED,
        on_node.UNITS,
    )

    service: str
    verb: str
    processes: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        find_service(self.service, self.verb)

    @property
    def name(self) -> str:
        """As "kubelet stopped"."""
        return f"{self.service} {VERBS[self.verb]}"

    @property
    def evidence(self) -> str:
        """By the verb."""
        return {
            "stop": "the service does not run on the node",
            "kill": "the service's process is gone on the node",
            "freeze": "the service's process is stopped on the node (state T), or ended since",
        }[self.verb]

    @property
    def least_s(self) -> float:
        """Whoever was killed may be back at once."""
        return 0.0 if self.verb == "kill" else 1.0

    def inject(self, cluster: Cluster) -> None:
        """Remember which processes there are, arm the undo, then break them."""
        with injecting():
            self.processes = self._running(cluster, self.subject, processes(self.service))
        super().inject(cluster)

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Look for the service on a node, by the processes that it had before."""
        service, remembered = SERVICES[self.service], place == self.subject
        if self.verb == "stop" and service.kind == "unit":
            state = cluster.hosts.read(place, ["systemctl", "is-active", service.name], check=False)
            return None if state.stdout.strip() in ("inactive", "failed") else "it runs"
        if not remembered or not self.processes:
            return "nothing is known of the processes that it had"
        numbers = " ".join(sorted(pid for pid, _ in self.processes))
        now = self._running(cluster, place, numbers)
        left = {each: now[each] for each in self.processes if now.get(each, "Z") not in "ZX"}
        if self.verb == "freeze":
            left = {each: state for each, state in left.items() if state not in "Tt"}
        running = [f"process {pid} is in state {state}" for (pid, _), state in left.items()]
        return "; ".join(running) or None

    @staticmethod
    def _running(cluster: Cluster, node: str, pids: str) -> dict[tuple[str, str], str]:
        """State of each process, by its number and its start (proc_pid_stat(5))."""
        line = f"for pid in {pids}; do cut -d' ' -f1,3,22 /proc/$pid/stat 2>/dev/null; done; true"
        rows = [row.split() for row in cluster.hosts.read(node, line).stdout.splitlines()]
        return {(row[0], row[2]): row[1] for row in rows if len(row) == 3}

    def script(self, cluster: Cluster) -> Script:
        """What breaks the service, and what starts it again or lets it go on."""
        del cluster
        return script(SERVICES[self.service], self.verb)

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse a service that does not run, and where too few of its kind would be left."""
        service = SERVICES[self.service]
        others = [n.name for n in cluster.inventory.control_planes if n.name != self.subject]
        if not others and self.service not in _ON_WORKERS:
            return (
                f"{self.service} on {self.subject} is the last of its kind: no other control plane"
            )
        running = (
            f"systemctl is-active --quiet {service.name}"
            if service.kind == "unit"
            else f'[ -n "{_pids(service)}" ]'
        )
        idle = (
            f"{self.service} does not run on {self.subject}, so it cannot be {VERBS[self.verb]} "
            "there"
        )
        return on_node.ask(cluster, self.subject, running, idle) or (
            on_node.etcd_majority(cluster, self.subject) if self.service == "etcd" else None
        )


def script(service: Service, verb: str) -> Script:
    """What breaks a service on a node, and what puts it back."""
    what = f"{service.name}-{verb}"
    if service.kind == "unit":
        return _unit(service, verb, what)
    if verb == "stop":
        return _manifest(service, what)
    pids = _pids(service)
    wake = f'for pid in {pids}; do kill -CONT "$pid" || true; done'
    return Script(what, f'pids="{pids}"; [ -n "$pids" ] && kill -{_SIGNALS[verb]} $pids', wake)


def _unit(service: Service, verb: str, what: str) -> Script:
    """The undo wakes what is frozen, then starts what is not running.

    It does nothing to a unit that is well.
    """
    name, whom = service.name, "all" if service.whole else "main"
    # --kill-whom since systemd 252, which takes both
    signal = f"systemctl kill --kill-who={whom} --signal="
    undo = (
        f"{signal}SIGCONT {name} 2>/dev/null; systemctl reset-failed {name} 2>/dev/null; "
        f"systemctl start {name}"
    )
    inject = f"systemctl stop {name}" if verb == "stop" else f"{signal}SIG{_SIGNALS[verb]} {name}"
    return Script(what, inject, undo)


def _manifest(service: Service, what: str) -> Script:
    """Moved within one filesystem, so that the kubelet never reads half a file."""
    source, parked = f"{MANIFESTS}/{service.name}.yaml", f"{PARKED}/{service.name}.yaml"
    undo = f"if [ -e {parked} ]; then mv {parked} {source}; fi; rmdir {PARKED} 2>/dev/null || true"
    return Script(what, f"mkdir -p -m 700 {PARKED} && mv {source} {parked}", undo)


def processes(name: str) -> str:
    """A shell substitution: the main processes of a service."""
    service = SERVICES[name]
    if service.kind == "unit":
        return f"$(systemctl show -p MainPID --value {name})"
    return _pids(service)


def _pids(service: Service) -> str:
    return pids(
        **{
            "io.kubernetes.container.name": service.name,
            "io.kubernetes.pod.namespace": "kube-system",
        }
    )
