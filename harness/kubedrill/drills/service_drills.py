"""Drills in which one service of one node is stopped, killed or frozen.

A table of :class:`FaultDrill`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.choices import (
    address_holder,
    app_workers,
    dns_nodes,
    etcd_followers,
    etcd_leader,
)
from kubedrill.core.fault_drill import (
    FaultDrill,
    until_address_moved,
    until_new_etcd_leader,
    until_not_ready,
)
from kubedrill.core.node_loss import describe_loss
from kubedrill.core.predictions import (
    Expected,
    balancer,
    election,
    failed_check,
    goodbye,
    loss_expected,
    takeover,
    until_replaced,
)
from kubedrill.faults import ServiceFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.drill import DrillContext
    from kubedrill.faults import Fault

WORKERS = "2 workers or more"
PLANES = "3 control planes or more"
HOLDERS = "3 control planes or more with a virtual address (no balancer outside the cluster)"
DNS = "CoreDNS pods on 2 nodes or more"

PROBE_DEFAULTS = (10, 3, 1)
"""Kubernetes' defaults of a probe: periodSeconds, failureThreshold, timeoutSeconds (core/v1,
Probe)."""


def service(name: str, verb: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: ServiceFault(node, name, verb)


def runs_on(ctx: DrillContext, node: str) -> Expected:
    """The parts that serve users go on without the one that is gone."""
    del ctx
    why = f"containers and rules on {node} are kept by the kernel while the part that manages them is away"
    return Expected(app_why=why, api_why=why, dns_why=why)


def one_api_server(ctx: DrillContext, node: str) -> Expected:
    """The balancer has to notice; the app is not touched."""
    return Expected(api=(balancer(ctx.timers, node),))


def one_api_server_and_the_leader(ctx: DrillContext, node: str) -> Expected:
    """The API server beside etcd's leader goes with it, and the others wait for an election."""
    return Expected(api=(balancer(ctx.timers, node), election(ctx.timers, node)))


def address_after_goodbye(ctx: DrillContext, node: str) -> Expected:
    """The address moves at once."""
    parts = (goodbye(ctx.timers, node),)
    return Expected(app=parts, api=parts)


def address_after_silence(ctx: DrillContext, node: str) -> Expected:
    """The address moves when advertisements are missed."""
    parts = (takeover(ctx.timers, node),)
    return Expected(app=parts, api=parts)


def address_after_check(ctx: DrillContext, node: str) -> Expected:
    """The API is out until keepalived's check of the balancer has failed.

    The app needs the address, not haproxy.
    """
    gone = failed_check(ctx.timers, node)
    return Expected(app=(goodbye(ctx.timers, node),), api=(gone,))


def frozen_dns(ctx: DrillContext, node: str) -> Expected:
    """A share of queries fails until CoreDNS's readiness probe has failed often enough."""
    pods = ctx.cluster.api.pods("kube-system", "k8s-app=kube-dns", node)
    probe = pods[0].spec.containers[0].readiness_probe if pods else None
    read = (
        (probe.period_seconds, probe.failure_threshold, probe.timeout_seconds)
        if probe
        else PROBE_DEFAULTS
    )
    period, threshold, timeout = (
        found or default for found, default in zip(read, PROBE_DEFAULTS, strict=True)
    )
    return Expected(
        dns=(until_replaced(ctx.timers, f"CoreDNS on {node} hangs", period * threshold + timeout),)
    )


def killed_dns(ctx: DrillContext, node: str) -> Expected:
    """Until the kubelet has seen that the container is gone, and kube-proxy has followed."""
    return Expected(dns=(until_replaced(ctx.timers, f"CoreDNS on {node} died", 1.0),))


def silent_kubelet(ctx: DrillContext, node: str) -> Expected:
    """The node is taken for dead, but its pods serve until they leave the Services."""
    loss = loss_expected(ctx.timers, describe_loss(ctx, node))
    late = loss.app[-1].because[-1] if loss.app else ""
    why = f"pods on {node} go on serving while it is taken for dead, and leave the Services alive ({late})"
    return Expected(app_why=why, dns_why=why)


SERVICE_DRILLS = (
    FaultDrill(
        "kubelet-stopped", "The kubelet of a worker is stopped",
        "pods go on serving when their node's kubelet is gone, and leave the Services without a failed request",
        WORKERS, 110, app_workers, service("kubelet", "stop"), silent_kubelet, until=until_not_ready,
    ),
    FaultDrill(
        "kubelet-killed", "The kubelet of a worker is killed",
        "systemd brings the kubelet back before anybody misses it", WORKERS, 50,
        app_workers, service("kubelet", "kill"), runs_on, hold_s=10,
    ),
    FaultDrill(
        "kubelet-frozen", "The kubelet of a worker hangs",
        "a kubelet that hangs costs no request, though systemd takes it for running", WORKERS, 110,
        app_workers, service("kubelet", "freeze"), silent_kubelet, until=until_not_ready,
    ),
    FaultDrill(
        "containerd-stopped", "The container runtime of a worker is stopped",
        "containers live on without their runtime", WORKERS, 60,
        app_workers, service("containerd", "stop"), runs_on, hold_s=20,
    ),
    FaultDrill(
        "containerd-killed", "The container runtime of a worker is killed",
        "systemd brings containerd back, and it finds its containers alive", WORKERS, 50,
        app_workers, service("containerd", "kill"), runs_on, hold_s=10,
    ),
    FaultDrill(
        "kube-proxy-frozen", "kube-proxy of a worker hangs",
        "rules that are in the kernel go on serving", WORKERS, 60,
        app_workers, service("kube-proxy", "freeze"), runs_on, hold_s=20,
    ),
    FaultDrill(
        "coredns-killed", "A CoreDNS pod's process is killed",
        "DNS is answered by the other replica while one restarts", DNS, 50,
        dns_nodes, service("coredns", "kill"), killed_dns, hold_s=5,
    ),
    FaultDrill(
        "coredns-frozen", "A CoreDNS pod hangs",
        "a CoreDNS pod that hangs leaves the Service when its readiness probe has failed", DNS, 90,
        dns_nodes, service("coredns", "freeze"), frozen_dns, hold_s=45,
    ),
    FaultDrill(
        "apiserver-stopped", "An API server is stopped",
        "the balancer sends nobody to an API server that is gone", PLANES, 60,
        etcd_followers, service("kube-apiserver", "stop"), one_api_server, hold_s=15,
    ),
    FaultDrill(
        "apiserver-killed", "An API server is killed",
        "clients of an API server that dies come back through another one", PLANES, 60,
        etcd_followers, service("kube-apiserver", "kill"), one_api_server, hold_s=15,
    ),
    FaultDrill(
        "apiserver-frozen", "An API server hangs",
        "the balancer notices an API server that accepts connections and answers nobody", PLANES, 60,
        etcd_followers, service("kube-apiserver", "freeze"), one_api_server, hold_s=15,
    ),
    FaultDrill(
        "etcd-member-stopped", "An etcd member is stopped",
        "the API serves with two of three etcd members", PLANES, 70,
        etcd_followers, service("etcd", "stop"), one_api_server, hold_s=15,
    ),
    FaultDrill(
        "etcd-leader-frozen", "The etcd leader hangs",
        "the other members elect a leader though the old one's connections stay open", PLANES, 90,
        etcd_leader, service("etcd", "freeze"), one_api_server_and_the_leader, until=until_new_etcd_leader,
    ),
    FaultDrill(
        "keepalived-stopped", "keepalived is stopped on the holder of the virtual address",
        "the address moves at once when its holder says goodbye", HOLDERS, 50,
        address_holder, service("keepalived", "stop"), address_after_goodbye, until=until_address_moved,
    ),
    FaultDrill(
        "keepalived-killed", "keepalived is killed on the holder of the virtual address",
        "a holder that dies without a goodbye loses the address to one that is alive", HOLDERS, 50,
        address_holder, service("keepalived", "kill"), address_after_silence, hold_s=5,
    ),
    FaultDrill(
        "keepalived-frozen", "keepalived hangs on the holder of the virtual address",
        "the address is answered by one node though the old holder keeps it on its interface", HOLDERS, 50,
        address_holder, service("keepalived", "freeze"), address_after_silence, until=until_address_moved,
    ),
    FaultDrill(
        "haproxy-stopped", "The balancer is stopped on the holder of the virtual address",
        "keepalived's check moves the address to a node whose balancer lives", HOLDERS, 50,
        address_holder, service("haproxy", "stop"), address_after_check, until=until_address_moved,
    ),
    FaultDrill(
        "haproxy-frozen", "The balancer hangs on the holder of the virtual address",
        "keepalived's check notices a balancer that accepts connections and answers nobody", HOLDERS, 50,
        address_holder, service("haproxy", "freeze"), address_after_check, until=until_address_moved,
    ),
)  # fmt: skip
"""One row a drill."""
