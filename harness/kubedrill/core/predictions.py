"""What an outage should cost, computed from the live cluster's timers before anything is broken.

Pure functions: timers and what stands on the lost node go in, seconds with their reasons come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.cluster.leases import ElectionTimers
    from kubedrill.cluster.timers import LiveTimers

START_S = 30.0
"""Seconds until static pods have started (timeouts.api_up: 10-30 s), and pods of a kubelet that
starts with them."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What is lost with one node."""

    node: str
    app_pods: int = 0
    dns_pods: int = 0
    holds_vip: bool = False
    leads_etcd: bool = False
    control_plane: bool = False
    leads_controllers: bool = False
    passes_node_ports: bool = False  # a balancer outside the cluster sends users to it
    all_app_pods: int = 0  # 0: not counted, so that all may be on the node
    all_dns_pods: int = 0


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds, the lines that say why, and the share of requests that fail meanwhile.

    ``least_s``: so long users are disrupted at least, where the fault does what it should; 0 where
    they need not notice.
    """

    seconds: float
    because: tuple[str, ...]
    share: float = 1.0
    least_s: float = 0.0


def endpoints_of_a_dead_node(
    timers: LiveTimers, what: str, loss: Loss, share: float = 1.0
) -> Prediction:
    """Until Kubernetes takes the pods of a silent node out of their Services.

    node-monitor-grace-period runs from the last lease that the controller saw, it looks once a
    monitor period, then each kube-proxy follows within its minSyncPeriod. A lease is renewed every
    lease-duration / 4, so it is up to that old when the power goes, which only shortens the wait:
    the figure is the longest. Where the active controller manager is lost with the node, another
    one first waits for its lease to run out, and begins the grace period anew.
    """
    handover = (
        timers.leader_lease.value + timers.leader_retry.value if loss.leads_controllers else 0.0
    )
    seconds = handover + timers.node_loss_s + timers.proxy_min_sync.value
    active = (
        (f"the active controller manager is on {loss.node} too: its lease runs out first",)
        if handover
        else ()
    )
    return Prediction(
        seconds,
        (
            f"{what} on {loss.node}: requests sent there fail until its endpoints are removed",
            *active,
            *(timers.describe("leader_lease", "leader_retry") if handover else ()),
            *timers.describe("node_monitor_grace", "node_monitor_period", "proxy_min_sync"),
            (
                f"sum {seconds:g} s at most; up to {timers.lease_renew.value:g} s less, by the "
                "age of its last lease"
            ),
        ),
        share,
        least_s=max(0.0, timers.node_monitor_grace.value - timers.lease_renew.value),
    )


def takeover(timers: LiveTimers, node: str) -> Prediction:
    """Until another node answers on the virtual address (RFC 5798 section 6.1.

    3 adverts + skew).
    """
    seconds = timers.vrrp_takeover_s(node)
    heir = max((p for n, p in timers.vrrp_priority.items() if n != node), default=100)
    return Prediction(
        seconds,
        (
            (
                f"{node} holds the virtual address: the next in line takes it after 3 x advert + "
                f"skew = {seconds:.2f} s"
            ),
            *timers.describe("vrrp_advert"),
            (
                f"skew = (256 - {heir}) / 256 x {'advert' if timers.vrrp_version >= 3 else '1 s'} "
                f"(VRRP {timers.vrrp_version}, RFC 5798 / RFC 3768)"
            ),
        ),
        least_s=max(0.0, seconds - timers.vrrp_advert.value),
    )


def balancer(timers: LiveTimers, node: str) -> Prediction:
    """Until the balancer stops sending new connections to the dead API server."""
    share = f"the balancer sends a share of new connections to {node}'s API server"
    return _marked_down(timers, share, timers.balancer_notices_s, "haproxy_fall")


def node_ports(timers: LiveTimers, node: str) -> Prediction:
    """Until a balancer outside the cluster stops sending users of node ports to a dead node."""
    share = f"the balancer outside sends a share of the app's new connections to {node}"
    return _marked_down(timers, share, timers.ports_notice_s, "port_fall")


def _marked_down(timers: LiveTimers, share: str, seconds: float, fall: str) -> Prediction:
    formula = (
        f"{share} until it is marked down: inter + fall x max(inter, check) = {seconds:.2f} s at "
        "most"
    )
    return Prediction(seconds, (formula, *timers.describe("haproxy_inter", fall, "haproxy_check")))


def election(timers: LiveTimers, node: str) -> Prediction:
    """Until etcd has a new leader and takes writes again.

    Raft's randomised timeout, one to two election timeouts.
    """
    seconds = timers.etcd_election_s
    return Prediction(
        seconds,
        (
            f"{node} leads etcd: a new leader within 2 x election timeout = {seconds:.2f} s",
            *timers.describe("etcd_election"),
        ),
        least_s=seconds / 2,
    )


def loss_expected(timers: LiveTimers, loss: Loss) -> Expected:
    """What the loss of a node should do, by what stands on it."""
    vip = [takeover(timers, loss.node)] if loss.holds_vip else []
    api = [*vip]
    if loss.control_plane:
        api.append(balancer(timers, loss.node))
    if loss.leads_etcd:
        api.append(election(timers, loss.node))
    app, dns = [*vip], []
    if loss.passes_node_ports:
        app.append(node_ports(timers, loss.node))
    if loss.app_pods:
        share = loss.app_pods / (loss.all_app_pods or loss.app_pods)
        app.append(endpoints_of_a_dead_node(timers, f"{loss.app_pods} app pod(s)", loss, share))
    if loss.dns_pods:
        share = loss.dns_pods / (loss.all_dns_pods or loss.dns_pods)
        dns.append(endpoints_of_a_dead_node(timers, f"{loss.dns_pods} CoreDNS pod(s)", loss, share))
    return Expected(
        tuple(app),
        tuple(api),
        tuple(dns),
        f"{loss.node} holds nothing that the app needs",
        f"{loss.node} is not in the way to the API",
        f"no CoreDNS pod is on {loss.node}",
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """What each group of users should feel; where it is nothing, ``*_why`` says why not."""

    app: tuple[Prediction, ...] = ()
    api: tuple[Prediction, ...] = ()
    dns: tuple[Prediction, ...] = ()
    app_why: str = "nothing that the app needs is touched"
    api_why: str = "no control plane is touched"
    dns_why: str = "no CoreDNS pod is touched"


def planned_work(app: str, api: str, away: Prediction | None = None) -> Expected:
    """What work that announces itself should do: nothing. ``app`` and ``api`` say why.

    ``away`` is for how long the API is away all the same, as where there is only one API server.
    """
    dns = "CoreDNS has several replicas and a lameduck period"
    return Expected((), (away,) if away else (), (), app, api, dns)


def unfelt(why: str) -> Expected:
    """What nobody should feel, and why."""
    return Expected(app_why=why, api_why=why, dns_why=why)


def only_plane_swapped(timers: LiveTimers, planes: Sequence[str]) -> Prediction | None:
    """How long the API is away while the only control plane is replaced.

    None where there are others.
    """
    if len(planes) > 1:
        return None
    seen = balancer(timers, planes[0])
    alone = f"there is no API server but {planes[0]}'s"
    start = f"{START_S:g} s at most until the new static pods have started"
    return Prediction(
        START_S + seen.seconds,
        (f"{alone}: {start}", "until the balancer looks again:", *seen.because),
    )


def goodbye(timers: LiveTimers, node: str) -> Prediction:
    """Until another node answers on the virtual address after keepalived stopped in order.

    The skew only.
    """
    seconds = timers.vrrp_skew_s(node)
    line = (
        f"keepalived on {node} says goodbye (priority 0): the next in line takes the address "
        "after its skew"
    )
    return Prediction(
        seconds,
        (f"{line} = {seconds:.2f} s (RFC 5798, section 6.4.2)", *timers.describe("vrrp_advert")),
    )


def failed_check(timers: LiveTimers, node: str) -> Prediction:
    """Until the virtual address leaves a node whose balancer is gone.

    Keepalived's check, then its goodbye.
    """
    seconds = timers.check_notices_s + timers.vrrp_skew_s(node)
    return Prediction(
        seconds,
        (
            (
                f"keepalived on {node} gives the address up when its check of the balancer has "
                "failed: "
                f"interval + fall x max(interval, timeout) + skew = {seconds:.2f} s at most"
            ),
            *timers.describe("check_interval", "check_timeout", "check_fall", "vrrp_advert"),
        ),
    )


def leader_handover(timers: ElectionTimers) -> Prediction:
    """Until another scheduler or controller manager holds the lease, from the last renewal."""
    return Prediction(
        timers.takeover_s,
        (
            (
                f"lease duration + 2 x 2.2 x retry period = {timers.takeover_s:g} s at most after "
                "the last renewal"
            ),
            *(str(timer) for timer in (timers.lease, timers.renew, timers.retry)),
            (
                "a candidate sees the last renewal up to a stretched retry period late, and asks "
                "again as much later"
            ),
        ),
    )


def until_replaced(timers: LiveTimers, what: str, readiness_s: float) -> Prediction:
    """Until a dead pod is out of its Service, or its successor in it.

    Readiness, then each kube-proxy.
    """
    seconds = readiness_s + timers.proxy_min_sync.value
    return Prediction(
        seconds,
        (
            (
                f"{what}: readiness {readiness_s:g} s (from the pod's own probe) + kube-proxy's "
                f"sync = {seconds:g} s; "
                "the time to start a container comes on top where it has to start first"
            ),
            *timers.describe("proxy_min_sync"),
        ),
    )


def while_it_lasts(what: str, seconds: float, share: float) -> Prediction:
    """A share of requests may fail as long as the fault is in place.

    Nothing in Kubernetes looks for it.
    """
    return Prediction(
        seconds,
        (f"{what}; nothing takes it out of the Service, so a share fails for {seconds:g} s",),
        share,
        least_s=seconds,
    )
