"""What several kinds of faults need, and what users should feel of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.node_loss import describe_loss
from kubedrill.core.predictions import (
    Expected,
    balancer,
    election,
    failed_check,
    goodbye,
    loss_expected,
    takeover,
    unfelt,
    until_replaced,
)

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext


WORKERS = "2 workers or more"

PLANES = "3 control planes or more"

HOLDERS = "3 control planes or more with a virtual address (no balancer outside the cluster)"

DNS = "CoreDNS pods on 2 nodes or more"

OWN = "nodes with resources of their own (no containers)"

PROBE_DEFAULTS = (10, 3, 1)
"""Kubernetes' defaults of a probe: periodSeconds, failureThreshold, timeoutSeconds (core/v1,
Probe)."""


def runs_on(ctx: DrillContext, node: str) -> Expected:
    """The parts that serve users go on without the one that is gone."""
    del ctx
    return unfelt(
        f"containers and rules on {node} are kept by the kernel while the part that manages them "
        "is away"
    )


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


def lost(ctx: DrillContext, node: str) -> Expected:
    """For all others the node is gone, as by a power cut."""
    return loss_expected(ctx.timers, describe_loss(ctx, node))
