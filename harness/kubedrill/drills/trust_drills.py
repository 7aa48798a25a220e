"""Drills in which a certificate has expired, a clock is wrong, or file descriptors are used up.

A table of :class:`FaultDrill`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.choices import app_workers, etcd_followers
from kubedrill.core.fault_drill import FaultDrill, until_not_ready
from kubedrill.core.predictions import Expected, Prediction
from kubedrill.drills.resource_drills import OWN
from kubedrill.drills.service_drills import PLANES, WORKERS, one_api_server, runs_on, silent_kubelet
from kubedrill.faults import ClockSkew, DescriptorsUsedUp, ExpiredCertificate
from kubedrill.faults.certificate import RELOAD_S
from kubedrill.faults.clock import SKEW_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.drill import DrillContext
    from kubedrill.faults import Fault

EXPIRED_S = 20.0
"""Seconds that an API server shows an expired certificate: nothing in the cluster gets round that
by itself."""

USED_UP_S = 20.0
"""Seconds without file descriptors: less than the 80 s after which the kubelet restarts an API
server (kubeadm's liveness probe: 8 failures, 10 s apart)."""

UNPROBED_S = 15.0
"""Seconds that a kubelet can probe nothing: less than the 30 s after which it restarts what fails
its liveness probe (Kubernetes' defaults: 3 failures, 10 s apart)."""

SKEWED_S = 30.0
"""Seconds with a wrong clock: three renewals of a node's lease, and several of every leader's."""


def certificate(whose: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: ExpiredCertificate(node, whose)


def descriptors(service: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: DescriptorsUsedUp(node, service)


def distrusted(ctx: DrillContext, node: str) -> Expected:
    """The balancer's check looks at health, not at identity; clients do."""
    planes = len(ctx.cluster.inventory.control_planes)
    why = (
        f"the balancer takes {node}'s API server for healthy (its check verifies no certificate) and sends it one in "
        f"{planes} new connections: refused by the client for {EXPIRED_S:g} s, and up to {RELOAD_S} s more until the "
        "API server takes up its good certificate; connections that are open go on"
    )
    return Expected(api=(Prediction(EXPIRED_S + RELOAD_S, (why,)),))


def until_shown(ctx: DrillContext) -> None:
    """Wait until the API server shows its expired certificate."""
    with ctx.step(ctx.target, "until the API server shows its expired certificate"):
        ExpiredCertificate(ctx.target, "apiserver").wait_expired(ctx.cluster)


def wrong_clock(ctx: DrillContext, node: str) -> Expected:
    """Who watches a lease measures by his own clock, and etcd by none."""
    del ctx
    why = (
        f"{node} is {SKEW_S} s ahead: leases are timed by those who watch them (client-go, leaderelection), raft "
        "counts ticks, and certificates and tokens are valid for longer than that"
    )
    return Expected(app_why=why, api_why=why, dns_why=why)


TRUST_DRILLS = (
    FaultDrill(
        "certificate-expired-apiserver", "The serving certificate of an API server has expired",
        "how long new connections fail when one API server cannot be trusted, and that nothing else does", PLANES, 120,
        etcd_followers, certificate("apiserver"), distrusted, until=until_shown, hold_s=EXPIRED_S, answered=False,
    ),
    FaultDrill(
        "certificate-expired-kubelet", "The client certificate of a control plane's kubelet has expired",
        "static pods go on serving when their kubelet is locked out, and it is back as soon as it has a certificate",
        PLANES, 120, etcd_followers, certificate("kubelet"), silent_kubelet, until=until_not_ready,
    ),
    FaultDrill(
        "clock-skew", "The clock of a control plane is ten minutes ahead",
        "leases, elections and etcd do not hang on one node's clock", f"{PLANES}, {OWN}", 70,
        etcd_followers, ClockSkew, wrong_clock, hold_s=SKEWED_S,
    ),
    FaultDrill(
        "descriptors-apiserver", "An API server has no file descriptors left",
        "the balancer notices an API server that can take no connection", PLANES, 60,
        etcd_followers, descriptors("kube-apiserver"), one_api_server, hold_s=USED_UP_S,
    ),
    FaultDrill(
        "descriptors-containerd", "The container runtime of a worker has no file descriptors left",
        "containers live on while their runtime can open nothing", WORKERS, 60,
        app_workers, descriptors("containerd"), runs_on, hold_s=USED_UP_S,
    ),
    FaultDrill(
        "descriptors-kubelet", "The kubelet of a worker has no file descriptors left",
        "pods go on serving while their kubelet can open nothing", WORKERS, 60,
        app_workers, descriptors("kubelet"), runs_on, hold_s=UNPROBED_S,
    ),
)  # fmt: skip
"""One row a drill."""
