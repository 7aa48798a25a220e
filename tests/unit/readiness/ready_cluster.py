"""A cluster that is ready, as real API objects.

3 control planes, 2 workers, a shop with a budget. Tests break it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import api_node, api_pod, live_timers
from kubernetes.client import (
    V1Container,
    V1Deployment,
    V1DeploymentSpec,
    V1LabelSelector,
    V1Node,
    V1ObjectMeta,
    V1Pod,
    V1PodDisruptionBudget,
    V1PodDisruptionBudgetSpec,
    V1PodDisruptionBudgetStatus,
    V1PodSpec,
    V1PodTemplateSpec,
    V1ResourceRequirements,
    V1Toleration,
)

from kubedrill.base.model import Node
from kubedrill.cluster.etcd import Member
from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import (
    Answer,
    ApiServer,
    Backups,
    BundleFacts,
    BundlePart,
    Certificate,
    Disk,
    EtcdFacts,
    EtcdSnapshot,
    HostFacts,
    Issue,
    Snapshot,
    Version,
)
from kubedrill.readiness.rules.bundle import PROGRAMS

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
GB = 10**9
PLANES, WORKERS = ("cp1", "cp2", "cp3"), ("w1", "w2")
HELLO = "docker.io/kubedrill/hello:v1"
BUNDLED = {
    **{
        f"registry.k8s.io/{part}:v1.36.3": ("control_plane",)
        for part in ("kube-apiserver", "kube-scheduler")
    },
    HELLO: ("control_plane", "worker"),
}


def node(name: str, **changes: str) -> V1Node:
    """A Ready node with 2 cores; control planes have their usual taint."""
    plane = name.startswith("cp")
    return api_node(
        name, taints=("node-role.kubernetes.io/control-plane",) if plane else (), **changes
    )


def pod(
    name: str,
    on: str,
    *,
    app: str = "web",
    owner: str = "ReplicaSet",
    cpu: str = "100m",
    **spec: Any,
) -> V1Pod:
    """A running pod of a Deployment, or of what ``owner`` says; "" for nobody's."""
    container = V1Container(
        name="main",
        image=spec.pop("image", HELLO),
        resources=V1ResourceRequirements(requests={"cpu": cpu}),
    )
    labels = {"app": app, "pod-template-hash": "7c9"}
    more = {"owner": owner, "owner_name": f"{app}-7c9", "containers": [container], **spec}
    return api_pod(name, on, labels=labels, **more)


def static_pod(component: str, on: str, flags: tuple[str, ...] = (), tag: str = "v1.35.4") -> V1Pod:
    """The mirror of a static pod, as kubeadm labels it."""
    container = V1Container(
        name=component, image=f"registry.k8s.io/{component}:{tag}", command=[component, *flags]
    )
    return api_pod(
        f"{component}-{on}",
        on,
        namespace="kube-system",
        owner="",
        labels={"component": component},
        annotations={"kubernetes.io/config.mirror": "x"},
        containers=[container],
        tolerations=[V1Toleration(operator="Exists")],
    )


def budget(
    name: str = "web", *, healthy: int = 2, desired: int = 1, expected: int = 2, **spec: Any
) -> V1PodDisruptionBudget:
    """A budget over the pods of app=web, with the status that the controller would compute."""
    return V1PodDisruptionBudget(
        metadata=V1ObjectMeta(name=name, namespace="shop", generation=1),
        spec=V1PodDisruptionBudgetSpec(
            selector=V1LabelSelector(match_labels={"app": "web"}), **spec
        ),
        status=V1PodDisruptionBudgetStatus(
            observed_generation=1,
            current_healthy=healthy,
            desired_healthy=desired,
            expected_pods=expected,
            disruptions_allowed=max(healthy - desired, 0),
        ),
    )


def deployment(name: str, replicas: int | None) -> V1Deployment:
    template = V1PodTemplateSpec(spec=V1PodSpec(containers=[]))
    spec = V1DeploymentSpec(selector=V1LabelSelector(), template=template, replicas=replicas)
    return V1Deployment(metadata=V1ObjectMeta(name=name, namespace="shop"), spec=spec)


def certificate(
    days: float = 300, path: str = "/etc/kubernetes/pki/apiserver.crt", *, ca: bool = False
) -> Certificate:
    return Certificate(path, "CN=x", ca, NOW - timedelta(days=60), NOW + timedelta(days=days))


HOST = HostFacts(
    certificates=(certificate(), certificate(3600, "/etc/kubernetes/pki/ca.crt", ca=True)),
    unreadable=(),
    disks={
        path: Disk(1, 100 * GB, 60 * GB)
        for path in ("/var/lib/containerd", "/usr/local/bin", "/opt/b")
    },
    images=frozenset({HELLO}),
    kubelet_args=("--config=/var/lib/kubelet/config.yaml",),
    kubeadm="v1.35.4",
    cgroup=2,
    has_bundle=False,
)

BUNDLE = BundleFacts(
    path="/b/v1.36.3-amd64",
    parts=(
        *(BundlePart(name, "binary", 50_000_000, ("control_plane", "worker")) for name in PROGRAMS),
        *(
            BundlePart(image, "image", 50_000_000, nodes, image, unpacked=200_000_000)
            for image, nodes in BUNDLED.items()
        ),
    ),
    faults=(),
    required_images=(
        "registry.k8s.io/kube-apiserver:v1.36.3",
        "registry.k8s.io/kube-scheduler:v1.36.3",
    ),
)


def etcd(name: str, **fields: Any) -> EtcdFacts:
    member = Member(name, PLANES.index(name) + 1, 1, "3.6.6", 20_000_000, 7, member_names=PLANES)
    sizes = {key: fields.pop(key) for key in ("in_use", "quota") if key in fields}
    return EtcdFacts(
        **{"in_use": 15_000_000, "quota": 2 * 2**30, **sizes}, member=replace(member, **fields)
    )


@pytest.fixture
def ready() -> Snapshot:
    """The cluster on which no rule has anything to complain about."""
    machines = [Node(name, f"10.0.0.{i}", ("control_plane",)) for i, name in enumerate(PLANES)]
    machines += [Node(name, f"10.0.1.{i}", ("worker",)) for i, name in enumerate(WORKERS)]
    names = (*PLANES, *WORKERS)
    return Snapshot(
        cluster="test",
        inventory="inventories/test",
        target=Version(1, 36, 3),
        taken=NOW,
        machines=tuple(machines),
        nodes=Answer(tuple(node(name) for name in names)),
        pods=Answer(
            (
                *(
                    static_pod(part, on)
                    for part in ("kube-controller-manager", "kube-scheduler")
                    for on in PLANES
                ),
                pod("web-a", "w1"),
                pod("web-b", "w2"),
            )
        ),
        budgets=Answer((budget(max_unavailable=1),)),
        volumes=Answer(()),
        claims=Answer(()),
        workloads=Answer((deployment("web", 2),)),
        api_servers={name: Answer(ApiServer("v1.35.4", ())) for name in PLANES},
        uses=Answer(()),
        hosts={name: Answer(HOST) for name in names},
        etcd={name: Answer(etcd(name)) for name in PLANES},
        kubelets={name: Answer({"failCgroupV1": True}) for name in names},
        bundle=Answer(BUNDLE),
        trials=Answer(()),
        etcd_snapshot=Answer(EtcdSnapshot("/snapshots", NOW - timedelta(hours=1))),
        backups=Answer(Backups("/backups", NOW - timedelta(hours=1), NOW - timedelta(hours=1))),
        timers=Answer(live_timers()),
    )


def issues_of(snapshot: Snapshot, rule: str) -> list[Issue]:
    """What one rule says, apart from what is only worth knowing."""
    return [f for f in judge(snapshot).findings if f.rule == rule and f.severity.value != "info"]


def with_host(snapshot: Snapshot, name: str, **fields: Any) -> Snapshot:
    """The snapshot with some facts of one host changed."""
    return replace(snapshot, hosts={**snapshot.hosts, name: Answer(replace(HOST, **fields))})


def with_pods(snapshot: Snapshot, *pods: V1Pod) -> Snapshot:
    """The snapshot with more pods."""
    return replace(snapshot, pods=Answer((*snapshot.pods.get(), *pods)))


def with_node(snapshot: Snapshot, changed: V1Node) -> Snapshot:
    """The snapshot with one node replaced by another of its name."""
    nodes = [
        changed if n.metadata.name == changed.metadata.name else n for n in snapshot.nodes.get()
    ]
    return replace(snapshot, nodes=Answer(tuple(nodes)))
