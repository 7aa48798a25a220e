"""Doubles that the tests of several folders share."""

from __future__ import annotations

from typing import Any

from kubernetes.client import (
    V1Node,
    V1NodeCondition,
    V1NodeSpec,
    V1NodeStatus,
    V1NodeSystemInfo,
    V1ObjectMeta,
    V1Taint,
)

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
