"""Drills in which the network of one node is cut or spoilt: a table of :class:`FaultDrill`."""

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
from kubedrill.core.predictions import Expected, Prediction, loss_expected, while_it_lasts
from kubedrill.drills.service_drills import (
    DNS,
    PLANES,
    WORKERS,
    one_api_server_and_the_leader,
    silent_kubelet,
)
from kubedrill.faults import NetworkCut, Shaping
from kubedrill.faults.network import LOSS_PERCENT
from kubedrill.faults.shaping import DISCIPLINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.drill import DrillContext
    from kubedrill.faults import Fault

SPOILT_S = 20.0
"""Seconds that a cut lasts which the cluster cannot get round: long enough to see what share
fails."""


def cut(kind: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: NetworkCut(node, kind)


def shaped(kind: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: Shaping(node, kind)


def lost(ctx: DrillContext, node: str) -> Expected:
    """For all others the node is gone, as by a power cut."""
    return loss_expected(ctx.timers, describe_loss(ctx, node))


def without_dns(ctx: DrillContext, node: str) -> Expected:
    """Its CoreDNS pod is Ready and cannot be reached."""
    del ctx
    return Expected(
        dns=(
            while_it_lasts(f"CoreDNS on {node} is ready, its readiness port is not cut", SPOILT_S),
        )
    )


def lossy(ctx: DrillContext, node: str) -> Expected:
    """A lost SYN is sent again after a second, which is a probe's whole patience."""
    del ctx
    line = f"{LOSS_PERCENT} % of what comes to {node} is lost: a lost SYN is repeated after 1 s (RFC 6298, initial RTO)"
    return Expected(app=(Prediction(1.0, (line, "a share of requests fails while it lasts")),))


def slow(ctx: DrillContext, node: str) -> Expected:
    """Later, but within a probe's patience."""
    del ctx
    shape = " and ".join(sorted(DISCIPLINES.values()))
    why = f"what {node} sends comes late ({shape}), well within the 1 s that a probe waits"
    return Expected(app_why=why, api_why=why, dns_why=why)


NETWORK_DRILLS = (
    FaultDrill(
        "network-node-cut", "A worker is cut off from every other node",
        "the app survives a worker that is cut off, and the worker comes back by itself when the network does",
        WORKERS, 130, app_workers, cut("all"), lost, until=until_not_ready,
    ),
    FaultDrill(
        "network-holder-cut", "The holder of the virtual address is cut off from every other node",
        "one node answers for the address though two hold it, and they agree again when the network is back",
        PLANES, 130, address_holder, cut("all"), lost, until=until_address_moved,
    ),
    FaultDrill(
        "network-etcd-cut", "The etcd leader is cut off from its peers only",
        "the other members elect, and an API server that has no quorum is taken out of the balancer",
        PLANES, 90, etcd_leader, cut("etcd"), one_api_server_and_the_leader, until=until_new_etcd_leader,
    ),
    FaultDrill(
        "network-api-cut", "A worker is cut off from the API only",
        "pods go on serving on a worker that cannot reach the API", WORKERS, 110,
        app_workers, cut("api"), silent_kubelet, until=until_not_ready,
    ),
    FaultDrill(
        "network-outgoing-cut", "A worker hears the others and is not heard",
        "a one-way cut is treated as the loss of the node", WORKERS, 130,
        app_workers, cut("outgoing"), lost, until=until_not_ready,
    ),
    FaultDrill(
        "network-incoming-cut", "A worker is heard and hears nobody",
        "a one-way cut is treated as the loss of the node", WORKERS, 130,
        app_workers, cut("incoming"), lost, until=until_not_ready,
    ),
    FaultDrill(
        "network-dns-cut", "DNS to and from a node with CoreDNS is cut",
        "how many lookups fail when a CoreDNS pod is Ready and cannot be reached, and that nothing else does",
        DNS, 60, dns_nodes, cut("dns"), without_dns, hold_s=SPOILT_S, answered=False,
    ),
    FaultDrill(
        "network-loss", "A worker loses packets",
        "the node stays in the cluster, and the app is slow rather than gone", WORKERS, 60,
        app_workers, cut("loss"), lossy, hold_s=SPOILT_S, answered=False,
    ),
    FaultDrill(
        "network-latency", "A control plane's packets are 100 ms late",
        "etcd keeps its quorum and the API answers though one member is far away", f"{PLANES}, a kernel with netem", 60,
        etcd_followers, shaped("latency"), slow, hold_s=SPOILT_S,
    ),
    FaultDrill(
        "network-bandwidth", "A worker can send 2 Mbit/s only",
        "small answers get through a narrow line", f"{WORKERS}, a kernel with tbf", 60,
        app_workers, shaped("bandwidth"), slow, hold_s=SPOILT_S,
    ),
)  # fmt: skip
"""One row a drill."""
