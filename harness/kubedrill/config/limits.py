"""The section ``drills:`` of the configuration.

What each drill may cost, and why it may cost so much by default.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from kubedrill.config.section import Section


class Limits(Section):
    """What one drill may cost.

    The longest outage in seconds of each group of probes, and failed requests.

    3 s for what a drill does not touch: a probe gives up after 1 s, so two slow answers in a row,
    as a small machine gives them while pods start, are told as an outage of up to 2 s.
    """

    app_outage_s: float = Field(
        default=1.0, ge=0, description="seconds; the application, longest outage of a probe"
    )
    api_outage_s: float = Field(
        default=3.0, ge=0, description="seconds; the API through the virtual address"
    )
    dns_outage_s: float = Field(default=3.0, ge=0, description="seconds; DNS asked from a pod")
    app_max_failed: int | None = Field(
        default=None, ge=0, description="failed application requests; null: unbounded"
    )
    api_max_failed: int | None = Field(
        default=None, ge=0, description="failed API requests; null: unbounded"
    )


_NODE_LOSS = 60
"""Seconds: 50 s grace + 5 s monitor period until Kubernetes takes a dead node's pods out of
Services, and a margin."""


_PLANE_LOSS = 80
"""Seconds: 15 s lease + 2 s retry until another controller manager leads where the active one is
lost with its node; 50 s grace + 5 s monitor period begin then; and a margin."""

_PATIENT = 3.0
"""Seconds: the limit of what a drill does not touch, or should cost a moment only; see
:class:`Limits`."""


def _limits(
    why: str, *, app: float = _PATIENT, api: float = _PATIENT, dns: float = _PATIENT
) -> Any:
    return Field(
        default=Limits(app_outage_s=app, api_outage_s=api, dns_outage_s=dns), description=why
    )


class FaultLimits(Section):
    """The limits of drills that make one fault on one node."""

    rollout_image_missing: Limits = _limits("no old pod goes before a new one is ready")
    rollout_crash_loop: Limits = _limits("no old pod goes before a new one is ready")
    rollout_never_ready: Limits = _limits("no old pod goes before a new one is ready")
    pod_killed: Limits = _limits("kube-proxy takes a dead pod out within 1-2 s")
    container_killed: Limits = _limits(
        "the kubelet sees a dead container within 1 s, kube-proxy follows"
    )
    pods_all_killed: Limits = _limits("new pods start and pass their readiness probe", app=30)
    failover_scheduler_leader: Limits = _limits("what runs needs no scheduler")
    failover_controller_manager_leader: Limits = _limits("what runs needs no controller manager")
    kubelet_stopped: Limits = _limits("pods go on serving without their kubelet")
    kubelet_killed: Limits = _limits("systemd restarts it")
    kubelet_frozen: Limits = _limits("pods go on serving without their kubelet")
    containerd_stopped: Limits = _limits("containers live on")
    containerd_killed: Limits = _limits("containers live on, systemd restarts it")
    kube_proxy_frozen: Limits = _limits("rules stay in the kernel")
    coredns_killed: Limits = _limits("the other replica answers")
    coredns_frozen: Limits = _limits(
        "three failed readiness probes, 10 s apart, and a margin", dns=45
    )
    apiserver_stopped: Limits = _limits("the balancer marks it down within 1.5 s")
    apiserver_killed: Limits = _limits("the balancer marks it down within 1.5 s")
    apiserver_frozen: Limits = _limits("the balancer marks it down within 1.5 s")
    etcd_member_stopped: Limits = _limits("the API server beside it is marked down within 1.5 s")
    etcd_leader_frozen: Limits = _limits(
        "a new leader takes 1-2 s, then API servers reconnect", api=6
    )
    etcd_quorum_lost: Limits = _limits(
        "20 s without quorum, then an election; API servers reconnect", api=60
    )
    etcd_member_replaced: Limits = _limits(
        "the API server beside it leaves the balancer, and comes back", api=6
    )
    etcd_quorum_restored: Limits = _limits(
        "quorum is away, then the snapshot is restored, then all starts", api=300
    )
    keepalived_stopped: Limits = _limits("the address moves after the skew, under 1 s")
    keepalived_killed: Limits = _limits("the address moves after three missed advertisements")
    keepalived_frozen: Limits = _limits("the address moves after three missed advertisements")
    haproxy_stopped: Limits = _limits("keepalived's check takes 3 s at most", api=6)
    haproxy_frozen: Limits = _limits("keepalived's check takes 3 s at most", api=6)
    network_node_cut: Limits = _limits("as the loss of the node", app=_NODE_LOSS, dns=_NODE_LOSS)
    network_holder_cut: Limits = _limits("as the loss of the node", api=6, dns=_PLANE_LOSS)
    network_etcd_cut: Limits = _limits(
        "a new leader takes 1-2 s, then API servers reconnect", api=6
    )
    network_api_cut: Limits = _limits("pods go on serving without the API")
    network_outgoing_cut: Limits = _limits(
        "as the loss of the node", app=_NODE_LOSS, dns=_NODE_LOSS
    )
    network_incoming_cut: Limits = _limits(
        "as the loss of the node", app=_NODE_LOSS, dns=_NODE_LOSS
    )
    network_dns_cut: Limits = _limits(
        "a share of lookups fails as long as the cut lasts, 20 s", dns=30
    )
    network_loss: Limits = _limits(
        "a lost SYN is repeated after 1 s; several in a row may be lost", app=10, dns=10
    )
    network_latency: Limits = _limits("100 ms more are within a probe's patience of 1 s")
    network_bandwidth: Limits = _limits("small answers fit through 2 Mbit/s")
    node_hang: Limits = _limits("as the loss of the node", app=_NODE_LOSS, dns=_NODE_LOSS)
    node_hang_leader: Limits = _limits("as the loss of the node", api=6, dns=_PLANE_LOSS)
    node_reboot: Limits = _limits("as the loss of the node", app=_NODE_LOSS, dns=_NODE_LOSS)
    node_shutdown: Limits = _limits("as the loss of the node", app=_NODE_LOSS, dns=_NODE_LOSS)
    zone_outage: Limits = _limits(
        "as the loss of its nodes", app=_PLANE_LOSS, api=6, dns=_PLANE_LOSS
    )
    disk_full_etcd: Limits = _limits("the API server beside it is marked down within 1.5 s")
    disk_full_containerd: Limits = _limits("replicas elsewhere serve")
    disk_full_root: Limits = _limits("replicas elsewhere serve")
    memory_pressure: Limits = _limits(
        "replicas elsewhere serve; what the kernel kills is seen within 1 s", app=5
    )
    cpu_starvation: Limits = _limits(
        "a node that crawls answers late; readiness takes its pods out", app=10
    )
    certificate_expired_apiserver: Limits = _limits(
        "new connections fail for 20 s, and 60 s until it is read", api=90
    )
    certificate_expired_kubelet: Limits = _limits("pods go on serving without their kubelet")
    clock_skew: Limits = _limits("nothing hangs on one node's clock")
    descriptors_apiserver: Limits = _limits("the balancer marks it down within 1.5 s")
    descriptors_containerd: Limits = _limits("containers live on")
    descriptors_kubelet: Limits = _limits("pods go on serving without their kubelet")
    token_expired: Limits = _limits("nobody else is touched")
    game_day: Limits = _limits(
        "the most that one of its faults may cost", app=_PLANE_LOSS, api=30, dns=_PLANE_LOSS
    )
    credentials_revoked: Limits = _limits("nobody else is touched")
    orders_primary_killed: Limits = _limits(
        "the sample app is not touched; the orders have their ledger"
    )
    orders_queue_leader_killed: Limits = _limits(
        "the sample app is not touched; the orders have their ledger"
    )
    orders_caches_killed: Limits = _limits(
        "the sample app is not touched; the orders have their ledger"
    )
    orders_workers_killed: Limits = _limits(
        "the sample app is not touched; the orders have their ledger"
    )
    orders_config_rotated: Limits = _limits(
        "the sample app is not touched; the orders have their ledgers"
    )
    orders_certificate_rotated: Limits = _limits(
        "the sample app is not touched; the orders have their ledgers"
    )
    orders_secret_rotated: Limits = _limits(
        "the sample app is not touched; the orders have their ledgers"
    )
    orders_rollout: Limits = _limits("the sample app is not touched; the orders have their ledgers")


class DrillLimits(FaultLimits):
    """The limits of each drill. A drill's name with ``-`` is written with ``_`` here."""

    app_rollout: Limits = Field(
        default=Limits(app_max_failed=0),
        description="readiness and preStop must hide a rolling update",
    )
    node_drain: Limits = Field(
        default=Limits(app_max_failed=0),
        description="a drain is planned work: no application request may fail",
    )
    drain_blocked: Limits = Field(
        default=Limits(app_max_failed=0),
        description="a refused drain must not cost an application request",
    )
    failover_worker: Limits = Field(
        default=Limits(app_outage_s=_NODE_LOSS, dns_outage_s=_NODE_LOSS),
        description="50 s grace + 5 s period until Kubernetes takes a dead node's pods out of Services, and a margin",
    )
    failover_vip: Limits = Field(
        default=Limits(app_outage_s=3.0, api_outage_s=2.0, dns_outage_s=_PLANE_LOSS),
        description="VRRP must move the virtual address within 2 s; a reused connection notices 1 s later",
    )
    failover_etcd_leader: Limits = Field(
        default=Limits(app_outage_s=3.0, api_outage_s=6.0, dns_outage_s=_PLANE_LOSS),
        description="a new leader takes 1-2 s, then API servers reconnect and the balancer follows",
    )
    cluster_upgrade: Limits = Field(
        default=Limits(app_max_failed=0, api_outage_s=1.0),
        description="0 failed application requests, the API out for 1 s at most at a time",
    )

    upgrade_killed: Limits = Field(
        default=Limits(app_max_failed=0, api_outage_s=_PATIENT),
        description="an API server that is left half-way is out of the balancers; kubelets elsewhere go on",
    )
    upgrade_node_lost: Limits = Field(
        default=Limits(app_max_failed=0, dns_outage_s=_NODE_LOSS),
        description="the worker that is lost was drained before",
    )
    upgrade_plane_lost: Limits = Field(
        default=Limits(app_outage_s=_PATIENT, api_outage_s=6.0, dns_outage_s=_PLANE_LOSS),
        description="as the loss of a control plane, while another one may be on its way out",
    )
    upgrade_drain_blocked: Limits = Field(
        default=Limits(app_max_failed=0, api_outage_s=1.0),
        description="as a clean upgrade: a refused drain costs nothing",
    )
    upgrade_corrupt_bundle: Limits = Field(
        default=Limits(app_max_failed=0),
        description="what is refused must not cost an application request",
    )
    upgrade_disk_full: Limits = Field(
        default=Limits(app_max_failed=0),
        description="what is refused must not cost an application request",
    )

    upgrade_rolled_back: Limits = Field(
        default=Limits(app_outage_s=_PATIENT, api_outage_s=300, dns_outage_s=_NODE_LOSS),
        description="the API is away while etcd is restored; pods that drains had moved start where they were",
    )

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults_of_a_partial_entry(cls, data: Any) -> Any:
        """Setting one limit of a drill leaves that drill's other limits as they are."""
        if not isinstance(data, dict):
            return data
        defaults = {name: field.default.model_dump() for name, field in cls.model_fields.items()}
        return {
            name: {**defaults[name], **given}
            if name in defaults and isinstance(given, dict)
            else given
            for name, given in data.items()
        }

    def of(self, drill: str) -> Limits:
        """Return the limits of a drill by its name.

        A drill without an entry gets the defaults of :class:`Limits`.

        >>> DrillLimits().of("failover-vip").api_outage_s
        2.0
        """
        found = getattr(self, drill.replace("-", "_"), None)
        return found if isinstance(found, Limits) else Limits()
