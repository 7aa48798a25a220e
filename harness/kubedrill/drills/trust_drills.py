"""Drills in which a certificate has expired, a clock is wrong, or file descriptors are used up.

A table of :class:`FaultDrill`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.choices import app_workers, etcd_followers
from kubedrill.core.drill import Family
from kubedrill.core.expectations import (
    OWN,
    PLANES,
    WORKERS,
    one_api_server,
    runs_on,
    silent_kubelet,
)
from kubedrill.core.fault_drill import FaultDrill, until_not_ready
from kubedrill.core.limits import PATIENT_S
from kubedrill.core.predictions import Expected, Prediction, unfelt
from kubedrill.faults import ClockSkew, DescriptorsUsedUp, ExpiredCertificate
from kubedrill.faults.certificate import RELOAD_S
from kubedrill.faults.clock import SKEW_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.context import DrillContext
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
        f"the balancer takes {node}'s API server for healthy (its check verifies no certificate) "
        "and sends it one in "
        f"{planes} new connections: refused by the client for {EXPIRED_S:g} s, and up to "
        f"{RELOAD_S} s more until the "
        "API server takes up its good certificate; connections that are open go on"
    )
    return Expected(api=(Prediction(EXPIRED_S + RELOAD_S, (why,)),))


def wrong_clock(ctx: DrillContext, node: str) -> Expected:
    """Who watches a lease measures by his own clock, and etcd by none."""
    del ctx
    return unfelt(
        f"{node} is {SKEW_S} s ahead: leases are timed by those who watch them (client-go, "
        "leaderelection), raft "
        "counts ticks, and certificates and tokens are valid for longer than that"
    )


DRILLS = (
    FaultDrill(
        name="certificate-expired-apiserver",
        title="The serving certificate of an API server has expired",
        proves=(
            "how long new connections fail when one API server cannot be trusted, and that "
            "nothing else does"
        ),
        needs=PLANES,
        duration_s=120,
        family=Family.TRUST,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=90),
        limits_because="new connections fail for 20 s, and 60 s until it is read",
        among=etcd_followers,
        fault=certificate("apiserver"),
        expect=distrusted,
        hold_s=EXPIRED_S,
        answered=False,
    ),
    FaultDrill(
        name="certificate-expired-kubelet",
        title="The client certificate of a control plane's kubelet has expired",
        proves=(
            "static pods go on serving when their kubelet is locked out, and it is back as "
            "soon as it has a certificate"
        ),
        needs=PLANES,
        duration_s=120,
        family=Family.TRUST,
        limits_because="pods go on serving without their kubelet",
        among=etcd_followers,
        fault=certificate("kubelet"),
        expect=silent_kubelet,
        until=until_not_ready,
    ),
    FaultDrill(
        name="clock-skew",
        title="The clock of a control plane is ten minutes ahead",
        proves="leases, elections and etcd do not hang on one node's clock",
        needs=f"{PLANES}, {OWN}",
        duration_s=70,
        family=Family.TRUST,
        limits_because="nothing hangs on one node's clock",
        among=etcd_followers,
        fault=ClockSkew,
        expect=wrong_clock,
        hold_s=SKEWED_S,
    ),
    FaultDrill(
        name="descriptors-apiserver",
        title="An API server has no file descriptors left",
        proves="the balancer notices an API server that can take no connection",
        needs=PLANES,
        duration_s=60,
        family=Family.TRUST,
        limits_because="the balancer marks it down within 1.5 s",
        among=etcd_followers,
        fault=descriptors("kube-apiserver"),
        expect=one_api_server,
        hold_s=USED_UP_S,
    ),
    FaultDrill(
        name="descriptors-containerd",
        title="The container runtime of a worker has no file descriptors left",
        proves="containers live on while their runtime can open nothing",
        needs=WORKERS,
        duration_s=60,
        family=Family.TRUST,
        limits_because="containers live on",
        among=app_workers,
        fault=descriptors("containerd"),
        expect=runs_on,
        hold_s=USED_UP_S,
    ),
    FaultDrill(
        name="descriptors-kubelet",
        title="The kubelet of a worker has no file descriptors left",
        proves="pods go on serving while their kubelet can open nothing",
        needs=WORKERS,
        duration_s=60,
        family=Family.TRUST,
        limits_because="pods go on serving without their kubelet",
        among=app_workers,
        fault=descriptors("kubelet"),
        expect=runs_on,
        hold_s=UNPROBED_S,
    ),
)
