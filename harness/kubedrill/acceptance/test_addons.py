"""What a cluster needs to be used: metrics and storage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException

from kubedrill.acceptance.agents import agent_pod, wait_complete
from kubedrill.cluster.api import ADMIN_CONF

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.base.model import Node
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

pytestmark = pytest.mark.cluster


def served(ask: Callable[[], Any]) -> list[Any]:
    """The items of an aggregated API.

    None while the API servers do not route to it yet (404 after their start).
    """
    try:
        items: list[Any] = ask()["items"]
    except ApiException as error:
        if error.status != 404:
            raise
        return []
    return items


def test_metrics_server_has_figures_of_every_node(api: ClusterApi, inventory: Inventory) -> None:
    def find_problem() -> str | None:
        items = served(
            lambda: api.custom.list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
        )
        missing = {node.name for node in inventory.nodes} - {
            item["metadata"]["name"] for item in items
        }
        return f"no figures of {', '.join(sorted(missing))}" if missing else None

    api.wait("metrics of every node", find_problem, setting="metrics", poll_s=1)


def test_metrics_server_has_figures_of_pods(api: ClusterApi, agents: Any) -> None:
    def find_problem() -> str | None:
        listed = api.custom.list_namespaced_custom_object
        items = served(lambda: listed("metrics.k8s.io", "v1beta1", agents.namespace, "pods"))
        return None if items else "no figures of any pod"

    api.wait("metrics of pods", find_problem, setting="metrics", poll_s=1)


def test_each_api_server_serves_the_metrics_api(
    control_plane: Node, api: ClusterApi, hosts: Hosts
) -> None:
    kubectl = [
        "kubectl",
        "--kubeconfig",
        ADMIN_CONF,
        "--server",
        f"https://{control_plane.address}:6443",
    ]

    def find_problem() -> str | None:
        answer = hosts.read(
            control_plane,
            [*kubectl, "get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"],
            check=False,
        )
        return None if answer.ok else answer.stderr.strip()

    api.wait(f"the metrics API of {control_plane.name}", find_problem, setting="metrics", poll_s=1)


def test_api_servers_trust_only_the_metrics_server_s_own_certificate(
    control_plane: Node, hosts: Hosts
) -> None:
    kubectl = ["kubectl", "--kubeconfig", ADMIN_CONF]
    service = json.loads(
        hosts.read(
            control_plane, [*kubectl, "get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "json"]
        ).stdout
    )
    assert service["spec"].get("caBundle")
    assert not service["spec"].get("insecureSkipTLSVerify")


def test_there_is_one_default_storage_class(api: ClusterApi) -> None:
    mark = "storageclass.kubernetes.io/is-default-class"
    result = [
        c.metadata.name
        for c in api.storage.list_storage_class().items
        if (c.metadata.annotations or {}).get(mark) == "true"
    ]
    assert len(result) == 1


@pytest.fixture
def writer(api: ClusterApi, namespace: str, agent_code: None) -> Any:  # noqa: ARG001 - its order matters
    """A pod with a volume of the default storage class."""
    labels = {"app": "writer"}
    meta = {"name": "writer", "namespace": namespace}
    claim = {"persistentVolumeClaim": {"claimName": "writer"}}
    template = agent_pod(
        "writer",
        volumes=[{"name": "data", **claim}],
        mounts=[{"name": "data", "mountPath": "/data"}],
    )
    objects = [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": meta,
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "16Mi"}},
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": labels},
                "template": template,
            },
        },
    ]
    api.apply(objects)
    wait_complete(api, "Deployment", namespace, "writer")
    yield objects
    api.delete(objects)


@pytest.mark.usefixtures("writer")
def test_a_claim_is_bound_and_its_data_outlives_the_pod(
    api: ClusterApi, namespace: str, agents: Any
) -> None:
    claim = api.core.read_namespaced_persistent_volume_claim("writer", namespace)
    assert claim.status.phase == "Bound"
    first = agents.pods("writer")[0]
    agents.ask(first, "/write", path="/data/kept", text="42")
    api.core.delete_namespaced_pod(first.metadata.name, namespace)

    def find_problem() -> str | None:
        ready = [
            pod.metadata.name
            for pod in agents.pods("writer")
            if pod.metadata.uid != first.metadata.uid
        ]
        return None if ready else "no new pod is ready"

    api.wait("a new pod with the volume", find_problem, setting="pods_ready")
    assert agents.ask(agents.pods("writer")[0], "/read", path="/data/kept") == "42"
