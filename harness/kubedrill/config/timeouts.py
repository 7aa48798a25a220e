"""The section ``timeouts:`` of the configuration."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from kubedrill.base.durations import read_duration
from kubedrill.base.section import Section


def _duration(value: Any) -> Any:
    """Take 15m as well, as plans do."""
    return read_duration(value) if isinstance(value, str | bool) else value


Seconds = Annotated[float, BeforeValidator(_duration)]


def _seconds(default: float, why: str) -> Any:
    return Field(default=default, gt=0, le=86_400, description=why)


class Timeouts(Section):
    """Every deadline that the harness waits by, in seconds, or as 90s, 15m or 2h."""

    ssh_connect: Seconds = _seconds(
        10, "TCP and SSH handshake; a node on the same network answers in under 1 s"
    )
    ssh_command: Seconds = _seconds(
        60, "one command on one node; the slowest, crictl and etcdctl, take some seconds"
    )
    api_call: Seconds = _seconds(
        10, "one Kubernetes API request; the API server itself gives up after 60 s"
    )
    api_up: Seconds = _seconds(
        180, "the API to answer through the virtual address; static pods restart in 10-30 s"
    )
    vip_held: Seconds = _seconds(
        30, "exactly one control plane to hold the virtual address; VRRP takes 1-4 s"
    )
    etcd_healthy: Seconds = _seconds(
        180, "all etcd members healthy with one leader; a member rejoins 10-60 s after boot"
    )
    leader_takeover: Seconds = _seconds(
        60,
        (
            "another scheduler or controller manager to take the lease over; its duration is 15 s "
            "by default"
        ),
    )
    revoked: Seconds = _seconds(
        30, "every API server to refuse what was revoked; they believe a token for 10 s more"
    )
    node_boot: Seconds = _seconds(
        300, "a node to answer over SSH after power-on; bare machines run their POST"
    )
    node_ready: Seconds = _seconds(
        300, "a node to be Ready after boot or upgrade; the kubelet needs 10-60 s"
    )
    node_not_ready: Seconds = _seconds(
        120,
        (
            "a dead node to be marked NotReady; Kubernetes' default grace period is 50 s since "
            "1.32, 40 s before"
        ),
    )
    pods_ready: Seconds = _seconds(
        240, "pods to be Ready; images are on the nodes already, so this is probes and start"
    )
    orders_stored: Seconds = _seconds(
        60, "acknowledged orders to be stored; a dead worker's are handed on after 15 s"
    )
    scale_down: Seconds = _seconds(
        420,
        (
            "an autoscaler to take back what it added; Kubernetes looks at the last 300 s unless "
            "it is told otherwise"
        ),
    )
    rollout: Seconds = _seconds(
        300, "a Deployment to be complete; three pods in turn, each with a preStop drain"
    )
    evict: Seconds = _seconds(
        300, "all pods of a drained node to be gone; grace period 30 s each, some in turn"
    )
    evict_blocked: Seconds = _seconds(
        20, "a drain that a disruption budget blocks, until it is reported and undone"
    )
    pvc_bound: Seconds = _seconds(
        120, "a volume claim to be bound; the local-path provisioner runs a helper pod"
    )
    metrics: Seconds = _seconds(
        120, "metrics-server to have figures of every node; it scrapes every 15-60 s"
    )
    namespace_gone: Seconds = _seconds(
        180, "a namespace to be deleted; its pods get their grace period of 30 s"
    )
    unschedulable_cleared: Seconds = _seconds(60, "a node to take pods again after an uncordon")
    steady: Seconds = _seconds(
        180, "the cluster and the app to be well before a drill; every probe to answer after it"
    )
    recovery: Seconds = _seconds(
        420, "the cluster to be healthy after a fault was healed: boot, kubelet, etcd, pods"
    )
    probes_ready: Seconds = _seconds(
        60, "every probe to have answered once; the in-cluster prober is a pod"
    )
    power: Seconds = _seconds(
        120, "one power command (Vagrant or the inventory's power_off, power_on) to return"
    )
    playbook: Seconds = _seconds(
        3600, "one ansible-playbook run; site.yml on five nodes takes 1-3 min, real disks more"
    )
    upgrade: Seconds = _seconds(
        3600, "upgrade.yml, rollback.yml; plain kubeadm needs about 3 min for each control plane"
    )
    cancel: Seconds = _seconds(
        30, "a playbook that was asked to stop to end its task before it is killed"
    )
    render: Seconds = _seconds(
        60, "kubectl kustomize or helm template to render an application; both take 1 s or two"
    )
    database: Seconds = _seconds(
        30, "the history's database to answer, or another writer to end; one takes under 1 s"
    )
