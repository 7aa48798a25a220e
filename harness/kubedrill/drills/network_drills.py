"""Drills in which the network of one node is cut or spoilt: a table of :class:`FaultDrill`."""

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
from kubedrill.core.expectations import (
    DNS,
    PLANES,
    WORKERS,
    lost,
    one_api_server_and_the_leader,
    silent_kubelet,
)
from kubedrill.core.fault_drill import (
    FaultDrill,
    until_address_moved,
    until_new_etcd_leader,
    until_not_ready,
)
from kubedrill.core.limits import NODE_LOSS_S, PATIENT_S, PLANE_LOSS_S
from kubedrill.core.node_loss import DNS_PODS
from kubedrill.core.predictions import Expected, Prediction, unfelt, while_it_lasts
from kubedrill.faults import Partition, Shaping
from kubedrill.faults.network import LOSS_PERCENT
from kubedrill.faults.shaping import DISCIPLINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.context import DrillContext
    from kubedrill.faults import Fault

SPOILT_S = 20.0
"""Seconds that a cut lasts which the cluster cannot get round: long enough to see what share
fails."""


def cut(kind: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: Partition(node, kind)


def shaped(kind: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: Shaping(node, kind)


def without_dns(ctx: DrillContext, node: str) -> Expected:
    """Its CoreDNS pod is Ready and cannot be reached."""
    pods = ctx.cluster.api.pods
    share = len(pods(*DNS_PODS, node)) / (len(pods(*DNS_PODS)) or 1)
    what = f"CoreDNS on {node} is ready, its readiness port is not cut"
    return Expected(dns=(while_it_lasts(what, SPOILT_S, share),))


def lossy(ctx: DrillContext, node: str) -> Expected:
    """A lost SYN is sent again after a second, which is a probe's whole patience."""
    del ctx
    line = (
        f"{LOSS_PERCENT} % of what comes to {node} is lost: a lost SYN is repeated after 1 s (RFC "
        "6298, initial RTO)"
    )
    return Expected(app=(Prediction(1.0, (line, "a share of requests fails while it lasts")),))


def slow(ctx: DrillContext, node: str) -> Expected:
    """Later, but within a probe's patience."""
    del ctx
    shape = " and ".join(sorted(DISCIPLINES.values()))
    return unfelt(f"what {node} sends comes late ({shape}), well within the 1 s of a probe")


DRILLS = (
    FaultDrill(
        name="network-node-cut",
        title="A worker is cut off from every other node",
        proves=(
            "the app survives a worker that is cut off, and the worker comes back by itself "
            "when the network does"
        ),
        needs=WORKERS,
        duration_s=130,
        family=Family.NETWORK,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because="as the loss of the node",
        among=app_workers,
        fault=cut("all"),
        expect=lost,
        until=until_not_ready,
    ),
    FaultDrill(
        name="network-holder-cut",
        title="The holder of the virtual address is cut off from every other node",
        proves=(
            "one node answers for the address though two hold it, and they agree again when "
            "the network is back"
        ),
        needs=PLANES,
        duration_s=130,
        family=Family.NETWORK,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6, dns_outage_s=PLANE_LOSS_S),
        limits_because="as the loss of the node",
        among=address_holder,
        fault=cut("all"),
        expect=lost,
        until=until_address_moved,
    ),
    FaultDrill(
        name="network-etcd-cut",
        title="The etcd leader is cut off from its peers only",
        proves=(
            "the other members elect, and an API server that has no quorum is taken out of "
            "the balancer"
        ),
        needs=PLANES,
        duration_s=90,
        family=Family.NETWORK,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6),
        limits_because="a new leader takes 1-2 s, then API servers reconnect",
        among=etcd_leader,
        fault=cut("etcd"),
        expect=one_api_server_and_the_leader,
        until=until_new_etcd_leader,
    ),
    FaultDrill(
        name="network-api-cut",
        title="A worker is cut off from the API only",
        proves="pods go on serving on a worker that cannot reach the API",
        needs=WORKERS,
        duration_s=110,
        family=Family.NETWORK,
        limits_because="pods go on serving without the API",
        among=app_workers,
        fault=cut("api"),
        expect=silent_kubelet,
        until=until_not_ready,
    ),
    FaultDrill(
        name="network-outgoing-cut",
        title="A worker hears the others and is not heard",
        proves="a one-way cut is treated as the loss of the node",
        needs=WORKERS,
        duration_s=130,
        family=Family.NETWORK,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because="as the loss of the node",
        among=app_workers,
        fault=cut("outgoing"),
        expect=lost,
        until=until_not_ready,
    ),
    FaultDrill(
        name="network-incoming-cut",
        title="A worker is heard and hears nobody",
        proves="a one-way cut is treated as the loss of the node",
        needs=WORKERS,
        duration_s=130,
        family=Family.NETWORK,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because="as the loss of the node",
        among=app_workers,
        fault=cut("incoming"),
        expect=lost,
        until=until_not_ready,
    ),
    FaultDrill(
        name="network-dns-cut",
        title="DNS to and from a node with CoreDNS is cut",
        proves=(
            "how many lookups fail when a CoreDNS pod is Ready and cannot be reached, and "
            "that nothing else does"
        ),
        needs=DNS,
        duration_s=60,
        family=Family.NETWORK,
        limits=Limits(app_outage_s=PATIENT_S, dns_outage_s=30),
        limits_because="a share of lookups fails as long as the cut lasts, 20 s",
        among=dns_nodes,
        fault=cut("dns"),
        expect=without_dns,
        hold_s=SPOILT_S,
        answered=False,
    ),
    FaultDrill(
        name="network-loss",
        title="A worker loses packets",
        proves="the node stays in the cluster, and the app is slow rather than gone",
        needs=WORKERS,
        duration_s=60,
        family=Family.NETWORK,
        limits=Limits(app_outage_s=10, dns_outage_s=10),
        limits_because="a lost SYN is repeated after 1 s; several in a row may be lost",
        among=app_workers,
        fault=cut("loss"),
        expect=lossy,
        hold_s=SPOILT_S,
        answered=False,
    ),
    FaultDrill(
        name="network-latency",
        title="A control plane's packets are 100 ms late",
        proves="etcd keeps its quorum and the API answers though one member is far away",
        needs=f"{PLANES}, a kernel with netem",
        duration_s=60,
        family=Family.NETWORK,
        limits_because="100 ms more are within a probe's patience of 1 s",
        among=etcd_followers,
        fault=shaped("latency"),
        expect=slow,
        hold_s=SPOILT_S,
    ),
    FaultDrill(
        name="network-bandwidth",
        title="A worker can send 2 Mbit/s only",
        proves="small answers get through a narrow line",
        needs=f"{WORKERS}, a kernel with tbf",
        duration_s=60,
        family=Family.NETWORK,
        limits_because="small answers fit through 2 Mbit/s",
        among=app_workers,
        fault=shaped("bandwidth"),
        expect=slow,
        hold_s=SPOILT_S,
    ),
)
