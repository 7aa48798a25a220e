"""Doubles that the tests of several folders share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kubernetes.client import (
    V1Container,
    V1ContainerStatus,
    V1EmptyDirVolumeSource,
    V1Node,
    V1NodeCondition,
    V1NodeSpec,
    V1NodeStatus,
    V1NodeSystemInfo,
    V1ObjectMeta,
    V1OwnerReference,
    V1Pod,
    V1PodCondition,
    V1PodSpec,
    V1PodStatus,
    V1Taint,
    V1Volume,
)

from kubedrill.cluster.timers import LiveTimers, Timer

HEALTHY = {
    "Ready": "True",
    "MemoryPressure": "False",
    "DiskPressure": "False",
    "PIDPressure": "False",
}
_INFO = dict.fromkeys(
    (
        "architecture",
        "boot_id",
        "kernel_version",
        "kube_proxy_version",
        "machine_id",
        "operating_system",
        "os_image",
        "system_uuid",
    ),
    "",
)
"""Fields that V1NodeSystemInfo requires."""


def api_node(
    name: str,
    *,
    kubelet: str = "v1.35.4",
    runtime: str = "containerd://2.2.9",
    taints: tuple[str, ...] = (),
    cordoned: bool | None = None,
    annotations: dict[str, str] | None = None,
    **conditions: str,
) -> V1Node:
    """A node of 2 cores as the Kubernetes client returns it: Ready, unless conditions differ.

    ``taints`` are keys, each with the effect NoSchedule.
    """
    info = {**_INFO, "kubelet_version": kubelet, "container_runtime_version": runtime}
    return V1Node(
        metadata=V1ObjectMeta(
            name=name, labels={"kubernetes.io/hostname": name}, annotations=annotations
        ),
        spec=V1NodeSpec(
            taints=[V1Taint(key=key, effect="NoSchedule") for key in taints] or None,
            unschedulable=cordoned,
        ),
        status=V1NodeStatus(
            conditions=[
                V1NodeCondition(type=kind, status=status)
                for kind, status in {**HEALTHY, **conditions}.items()
            ],
            allocatable={"cpu": "2", "memory": "4Gi", "pods": "110"},
            node_info=V1NodeSystemInfo(**info),
        ),
    )


def api_pod(
    name: str,
    on: str = "w1",
    *,
    namespace: str = "shop",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owner: str = "ReplicaSet",
    owner_name: str = "web-7c9",
    phase: str = "Running",
    ready: str = "True",
    ending: bool = False,
    restarts: int | None = None,
    scratch: bool = False,
    **spec: Any,
) -> V1Pod:
    """A pod as the Kubernetes client returns it: running, Ready, of a ReplicaSet.

    ``owner`` "" is nobody's, ``scratch`` gives it an emptyDir volume; ``restarts`` are those of its
    one container, which is not reported for None.
    """
    owners = [
        V1OwnerReference(
            api_version="apps/v1", kind=owner, name=owner_name, uid="u", controller=True
        )
    ]
    volumes = [V1Volume(name="scratch", empty_dir=V1EmptyDirVolumeSource())]
    container = V1ContainerStatus(
        name="main", image="x", image_id="", ready=True, restart_count=restarts or 0
    )
    return V1Pod(
        metadata=V1ObjectMeta(
            name=name,
            namespace=namespace,
            uid=name,
            labels=labels,
            annotations=annotations,
            owner_references=owners if owner else None,
            deletion_timestamp=datetime.now(UTC) if ending else None,
        ),
        spec=V1PodSpec(
            **{
                "node_name": on,
                "containers": [V1Container(name="main")],
                "volumes": volumes if scratch else None,
                **spec,
            }
        ),
        status=V1PodStatus(
            phase=phase,
            conditions=[V1PodCondition(type="Ready", status=ready)],
            container_statuses=None if restarts is None else [container],
        ),
    )


def live_timers(**timers: Any) -> LiveTimers:
    """Timers of a cluster, of 1 s each but for those that are given."""
    plain = {
        name: Timer(name, 1.0, "test")
        for name in LiveTimers.__dataclass_fields__
        if not name.startswith("vrrp_")
    }
    vrrp = {"vrrp_advert": Timer("a", 0.3, "test"), "vrrp_priority": {}, "vrrp_version": 3}
    return LiveTimers(**{**plain, **vrrp, **timers})


def json_node(name: str, ready: str | None = "True", kubelet: str = "v1.36.3") -> dict[str, Any]:
    """A node as the API writes it, with a condition that is easily taken for Ready.

    ``ready`` None leaves the condition Ready out.
    """
    conditions = [{"type": "NotReadyAtAll", "status": "True"}]
    if ready:
        message = "kubelet stopped posting"
        conditions.append({"type": "Ready", "status": ready, "message": message})
    return {
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {},
        "status": {"conditions": conditions, "nodeInfo": {"kubeletVersion": kubelet}},
    }
