"""Clusters that are set up wrongly."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from livekit import Called, Cluster, on_cluster

from kubedrill.base.waits import Waiting, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

FAIL, INCONCLUSIVE, ABORTED = Called.FAIL, Called.INCONCLUSIVE, Called.ABORTED
KUBE_API_PORT = 6443  # kubeadm's default of an API server's own port
LEASE_S = (
    400  # the kubelet renews a quarter of it: every 100 s, where the controller waits for 50 s
)


@on_cluster("keepalived-stopped", FAIL, "another control plane to hold the virtual address")
def endpoint_pinned_to_one_node(cluster: Cluster) -> Iterator[None]:
    """Users reach the API at one control plane's address, which no other node takes over."""
    pinned = {
        "cluster_virtual_address": cluster.inventory.control_planes[0].address,
        "cluster_api_port": KUBE_API_PORT,
    }
    cluster.inventory = replace(cluster.inventory, vars={**cluster.inventory.vars, **pinned})
    cluster.wait(60, vip_held=10)
    yield


@on_cluster("haproxy-stopped", FAIL, "another control plane to hold the virtual address")
def keepalived_without_a_health_check(cluster: Cluster) -> Iterator[None]:
    """Keepalived does not check the balancer: a node with a dead one keeps the address."""
    cluster.wait(120, vip_held=15)
    with ExitStack() as stack:
        for node in cluster.inventory.control_planes:
            change = "sed -i '/track_script {/,/}/d' $f && ! grep -q track_script $f"
            stack.enter_context(
                cluster.changed(
                    node.name, "/etc/keepalived/keepalived.conf", change, "keepalived", "reload"
                )
            )
        held(cluster)
        yield


def held(cluster: Cluster) -> None:
    """Wait until exactly one control plane holds the virtual address."""

    def one() -> bool | Waiting:
        holders = cluster.api.vip_holders()
        return True if len(holders) == 1 else Waiting(f"held by {', '.join(holders) or 'nobody'}")

    wait_for("the virtual address to be held", one, seconds=30, setting="vip_held")


@on_cluster("coredns-killed", INCONCLUSIVE, "not run: needs CoreDNS pods on 2 nodes or more")
def coredns_with_one_replica(cluster: Cluster) -> Iterator[None]:
    """CoreDNS has one replica, so that no drill that takes it away can prove anything."""
    before = cluster.api.apps.read_namespaced_deployment("coredns", "kube-system").spec.replicas
    try:
        scale_dns(cluster, 1)
        yield
    finally:
        scale_dns(cluster, before)


def scale_dns(cluster: Cluster, replicas: int) -> None:
    """Set how many CoreDNS pods there are, and wait for them."""
    cluster.api.apps.patch_namespaced_deployment_scale(
        "coredns", "kube-system", {"spec": {"replicas": replicas}}
    )
    cluster.api.wait_rollout("Deployment", "kube-system", "coredns")


@on_cluster("pod-killed", ABORTED, "is not Ready")
def kubelet_with_a_wrong_grace_period(cluster: Cluster) -> Iterator[None]:
    """A kubelet renews its lease every 100 s, but is taken for dead after 50 s.

    Its node comes and goes.
    """
    node = cluster.inventory.workers[0].name
    change = (
        f"sed -i '/^nodeLeaseDurationSeconds:/d' $f && echo 'nodeLeaseDurationSeconds: "
        f"{LEASE_S}' >> $f"
    )
    with cluster.changed(node, "/var/lib/kubelet/config.yaml", change, "kubelet"):
        wait_for(
            f"{node} to be taken for dead",
            lambda: Waiting("Ready") if cluster.api.ready(node) else True,
            seconds=150,
            setting="node_not_ready",
            poll_s=1.0,
        )
        yield
