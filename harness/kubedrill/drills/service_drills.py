"""Drills in which one service of one node is stopped, killed or frozen.

A table of :class:`FaultDrill`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.choices import (
    address_holder,
    app_workers,
    dns_nodes,
    etcd_followers,
    etcd_leader,
)
from kubedrill.core.drill import Family
from kubedrill.core.fault_drill import (
    FaultDrill,
    until_address_moved,
    until_new_etcd_leader,
    until_not_ready,
)
from kubedrill.core.limits import PATIENT_S
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

    from kubedrill.core.context import DrillContext
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
    why = (
        f"containers and rules on {node} are kept by the kernel while the part that manages them "
        "is away"
    )
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
        value or default for value, default in zip(read, PROBE_DEFAULTS, strict=True)
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
    why = (
        f"pods on {node} go on serving while it is taken for dead, and leave the Services alive "
        f"({late})"
    )
    return Expected(app_why=why, dns_why=why)


DRILLS = (
    FaultDrill(
        name="kubelet-stopped",
        title="The kubelet of a worker is stopped",
        proves=(
            "pods go on serving when their node's kubelet is gone, and leave the Services "
            "without a failed request"
        ),
        needs=WORKERS,
        duration_s=110,
        family=Family.SERVICES,
        limits_because="pods go on serving without their kubelet",
        among=app_workers,
        fault=service("kubelet", "stop"),
        expect=silent_kubelet,
        until=until_not_ready,
    ),
    FaultDrill(
        name="kubelet-killed",
        title="The kubelet of a worker is killed",
        proves="systemd brings the kubelet back before anybody misses it",
        needs=WORKERS,
        duration_s=50,
        family=Family.SERVICES,
        limits_because="systemd restarts it",
        among=app_workers,
        fault=service("kubelet", "kill"),
        expect=runs_on,
        hold_s=10,
    ),
    FaultDrill(
        name="kubelet-frozen",
        title="The kubelet of a worker hangs",
        proves=("a kubelet that hangs costs no request, though systemd takes it for running"),
        needs=WORKERS,
        duration_s=110,
        family=Family.SERVICES,
        limits_because="pods go on serving without their kubelet",
        among=app_workers,
        fault=service("kubelet", "freeze"),
        expect=silent_kubelet,
        until=until_not_ready,
    ),
    FaultDrill(
        name="containerd-stopped",
        title="The container runtime of a worker is stopped",
        proves="containers live on without their runtime",
        needs=WORKERS,
        duration_s=60,
        family=Family.SERVICES,
        limits_because="containers live on",
        among=app_workers,
        fault=service("containerd", "stop"),
        expect=runs_on,
        hold_s=20,
    ),
    FaultDrill(
        name="containerd-killed",
        title="The container runtime of a worker is killed",
        proves="systemd brings containerd back, and it finds its containers alive",
        needs=WORKERS,
        duration_s=50,
        family=Family.SERVICES,
        limits_because="containers live on, systemd restarts it",
        among=app_workers,
        fault=service("containerd", "kill"),
        expect=runs_on,
        hold_s=10,
    ),
    FaultDrill(
        name="kube-proxy-frozen",
        title="kube-proxy of a worker hangs",
        proves="rules that are in the kernel go on serving",
        needs=WORKERS,
        duration_s=60,
        family=Family.SERVICES,
        limits_because="rules stay in the kernel",
        among=app_workers,
        fault=service("kube-proxy", "freeze"),
        expect=runs_on,
        hold_s=20,
    ),
    FaultDrill(
        name="coredns-killed",
        title="A CoreDNS pod's process is killed",
        proves="DNS is answered by the other replica while one restarts",
        needs=DNS,
        duration_s=50,
        family=Family.SERVICES,
        limits_because="the other replica answers",
        among=dns_nodes,
        fault=service("coredns", "kill"),
        expect=killed_dns,
        hold_s=5,
    ),
    FaultDrill(
        name="coredns-frozen",
        title="A CoreDNS pod hangs",
        proves=("a CoreDNS pod that hangs leaves the Service when its readiness probe has failed"),
        needs=DNS,
        duration_s=90,
        family=Family.SERVICES,
        limits=Limits(app_outage_s=PATIENT_S, dns_outage_s=45),
        limits_because="three failed readiness probes, 10 s apart, and a margin",
        among=dns_nodes,
        fault=service("coredns", "freeze"),
        expect=frozen_dns,
        hold_s=45,
    ),
    FaultDrill(
        name="apiserver-stopped",
        title="An API server is stopped",
        proves="the balancer sends nobody to an API server that is gone",
        needs=PLANES,
        duration_s=60,
        family=Family.SERVICES,
        limits_because="the balancer marks it down within 1.5 s",
        among=etcd_followers,
        fault=service("kube-apiserver", "stop"),
        expect=one_api_server,
        hold_s=15,
    ),
    FaultDrill(
        name="apiserver-killed",
        title="An API server is killed",
        proves="clients of an API server that dies come back through another one",
        needs=PLANES,
        duration_s=60,
        family=Family.SERVICES,
        limits_because="the balancer marks it down within 1.5 s",
        among=etcd_followers,
        fault=service("kube-apiserver", "kill"),
        expect=one_api_server,
        hold_s=15,
    ),
    FaultDrill(
        name="apiserver-frozen",
        title="An API server hangs",
        proves=("the balancer notices an API server that accepts connections and answers nobody"),
        needs=PLANES,
        duration_s=60,
        family=Family.SERVICES,
        limits_because="the balancer marks it down within 1.5 s",
        among=etcd_followers,
        fault=service("kube-apiserver", "freeze"),
        expect=one_api_server,
        hold_s=15,
    ),
    FaultDrill(
        name="etcd-member-stopped",
        title="An etcd member is stopped",
        proves="the API serves with two of three etcd members",
        needs=PLANES,
        duration_s=70,
        family=Family.SERVICES,
        limits_because="the API server beside it is marked down within 1.5 s",
        among=etcd_followers,
        fault=service("etcd", "stop"),
        expect=one_api_server,
        hold_s=15,
    ),
    FaultDrill(
        name="etcd-leader-frozen",
        title="The etcd leader hangs",
        proves=("the other members elect a leader though the old one's connections stay open"),
        needs=PLANES,
        duration_s=90,
        family=Family.SERVICES,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6),
        limits_because="a new leader takes 1-2 s, then API servers reconnect",
        among=etcd_leader,
        fault=service("etcd", "freeze"),
        expect=one_api_server_and_the_leader,
        until=until_new_etcd_leader,
    ),
    FaultDrill(
        name="keepalived-stopped",
        title="keepalived is stopped on the holder of the virtual address",
        proves="the address moves at once when its holder says goodbye",
        needs=HOLDERS,
        duration_s=50,
        family=Family.SERVICES,
        limits_because="the address moves after the skew, under 1 s",
        among=address_holder,
        fault=service("keepalived", "stop"),
        expect=address_after_goodbye,
        until=until_address_moved,
    ),
    FaultDrill(
        name="keepalived-killed",
        title="keepalived is killed on the holder of the virtual address",
        proves=("a holder that dies without a goodbye loses the address to one that is alive"),
        needs=HOLDERS,
        duration_s=50,
        family=Family.SERVICES,
        limits_because="the address moves after three missed advertisements",
        among=address_holder,
        fault=service("keepalived", "kill"),
        expect=address_after_silence,
        hold_s=5,
    ),
    FaultDrill(
        name="keepalived-frozen",
        title="keepalived hangs on the holder of the virtual address",
        proves=(
            "the address is answered by one node though the old holder keeps it on its interface"
        ),
        needs=HOLDERS,
        duration_s=50,
        family=Family.SERVICES,
        limits_because="the address moves after three missed advertisements",
        among=address_holder,
        fault=service("keepalived", "freeze"),
        expect=address_after_silence,
        until=until_address_moved,
    ),
    FaultDrill(
        name="haproxy-stopped",
        title="The balancer is stopped on the holder of the virtual address",
        proves="keepalived's check moves the address to a node whose balancer lives",
        needs=HOLDERS,
        duration_s=50,
        family=Family.SERVICES,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6),
        limits_because="keepalived's check takes 3 s at most",
        among=address_holder,
        fault=service("haproxy", "stop"),
        expect=address_after_check,
        until=until_address_moved,
    ),
    FaultDrill(
        name="haproxy-frozen",
        title="The balancer hangs on the holder of the virtual address",
        proves=(
            "keepalived's check notices a balancer that accepts connections and answers nobody"
        ),
        needs=HOLDERS,
        duration_s=50,
        family=Family.SERVICES,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6),
        limits_because="keepalived's check takes 3 s at most",
        among=address_holder,
        fault=service("haproxy", "freeze"),
        expect=address_after_check,
        until=until_address_moved,
    ),
)
