"""What pods and users see of the network: names, other nodes' pods, Services, node ports."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory

pytestmark = pytest.mark.cluster

REPEATS = 12
"""New connections through a Service; with five pods behind it, the chance that all meet one pod is
4e-9."""


def test_an_agent_runs_on_every_node(agents: Any, inventory: Inventory) -> None:
    assert {pod.spec.node_name for pod in agents.pods()} == {node.name for node in inventory.nodes}


def test_names_of_services_resolve_on_every_node(agents: Any, api: ClusterApi) -> None:
    cluster_ip = api.core.read_namespaced_service("kubernetes", "default").spec.cluster_ip
    for pod in agents.pods():
        for name in ("kubernetes.default", "kubernetes.default.svc.cluster.local."):
            assert agents.ask(pod, "/resolve", name=name) == [cluster_ip], (
                f"{name} on {pod.spec.node_name}"
            )


def test_a_pod_on_each_node_reaches_the_pod_on_each_other_node(agents: Any) -> None:
    pods = agents.pods()
    for source in pods:
        for target in pods:
            output = agents.ask(source, "/fetch", url=f"http://{target.status.pod_ip}:8080/id")
            assert f'"{target.metadata.name}"' in output, (
                f"{source.spec.node_name} to {target.spec.node_name}"
            )


def test_a_service_answers_on_every_node_and_spreads_over_pods(agents: Any) -> None:
    for pod in agents.pods():
        url = f"http://agent.{agents.namespace}.svc.cluster.local/id"
        answers = {agents.ask(pod, "/fetch", url=url) for _ in range(REPEATS)}
        assert len(answers) >= 2, f"on {pod.spec.node_name} only {answers}"


def test_the_api_s_service_answers_inside_the_cluster(agents: Any) -> None:
    from kubernetes.client import ApiException  # noqa: PLC0415 - only here

    for pod in agents.pods():
        with pytest.raises(ApiException) as caught:
            agents.ask(pod, "/fetch", url="https://kubernetes.default.svc/version")
        assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value.reason), (
            "a TLS server with the cluster's own CA"
        )


def test_the_node_port_answers_on_every_node_and_on_the_virtual_address(
    agents: Any, api: ClusterApi, inventory: Inventory
) -> None:
    port = api.core.read_namespaced_service("agent", agents.namespace).spec.ports[0].node_port
    for address in [*(node.address for node in inventory.nodes), inventory.endpoint_address]:
        with urllib.request.urlopen(f"http://{address}:{port}/id", timeout=3) as response:
            assert response.status == 200, address
