"""The sample application: deployed, answering, configured, secret, spread and protected."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.apps import SampleApp
from kubedrill.cluster.objects import pod_is_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

pytestmark = pytest.mark.app

PORT = 8080
ANSWER_S = 3


@pytest.fixture(scope="module")
def app(api: ClusterApi, settings: Settings) -> Iterator[SampleApp]:
    """The application at v1; one that was deployed before is left as it was."""
    deployed = SampleApp(api, settings)
    before = deployed.status()
    deployed.deploy(before.version if before else "v1")
    yield deployed
    if before is None:
        deployed.remove()


def get(url: str) -> Any:
    assert url.startswith("http://")
    with urllib.request.urlopen(url, timeout=ANSWER_S) as response:  # noqa: S310 - checked above
        return json.load(response)


def ready_pods(api: ClusterApi) -> list[Any]:
    return [pod for pod in api.pods(SampleApp.namespace, SampleApp.selector) if pod_is_ready(pod)]


def test_three_replicas_are_ready_on_more_than_one_node(
    app: SampleApp, api: ClusterApi, inventory: Inventory
) -> None:
    status = app.status()
    assert status is not None
    assert (status.replicas, status.ready, status.problem) == (3, 3, "")
    nodes = [pod.spec.node_name for pod in ready_pods(api)]
    assert len(set(nodes)) >= min(2, len(inventory.workers) or len(inventory.nodes))


def test_it_answers_on_every_node_and_on_the_virtual_address(
    app: SampleApp, inventory: Inventory
) -> None:
    port = app.endpoints().node_port.rstrip("/").rpartition(":")[2]
    pods = {}
    for address in [inventory.endpoint_address, *(node.address for node in inventory.nodes)]:
        output = get(f"http://{address}:{port}/")
        assert output["greeting"]
        pods[output["pod"]] = output["node"]
    status = app.status()
    assert status is not None
    assert pods.items() <= status.nodes.items()


def test_each_pod_says_its_version(app: SampleApp, api: ClusterApi) -> None:
    status = app.status()
    assert status is not None
    for pod in ready_pods(api):
        assert (
            json.loads(api.pod_get(app.namespace, pod.metadata.name))["version"] == status.version
        )


def test_grpc_gives_the_same_greeting(app: SampleApp) -> None:
    output, http = app.greet_grpc(), get(app.endpoints().node_port)
    assert (output.greeting, output.version) == (http["greeting"], http["version"])


def test_a_changed_configmap_changes_the_greeting_without_a_restart(
    app: SampleApp, api: ClusterApi
) -> None:
    original = api.core.read_namespaced_config_map(app.name, app.namespace).data["greeting"]
    started = {
        pod.metadata.name: pod.status.container_statuses[0].restart_count for pod in ready_pods(api)
    }
    try:
        _greet_with(api, app, f"{original}, and good day")
    finally:
        _greet_with(api, app, original)
    assert {
        pod.metadata.name: pod.status.container_statuses[0].restart_count for pod in ready_pods(api)
    } == started


def _greet_with(api: ClusterApi, app: SampleApp, greeting: str) -> None:
    """Change the ConfigMap and wait for all pods.

    The kubelet looks at a pod's volumes when the pod changes, and else about once a minute:
    annotations save that.
    """
    api.core.patch_namespaced_config_map(app.name, app.namespace, {"data": {"greeting": greeting}})
    for pod in ready_pods(api):
        stamp = {"metadata": {"annotations": {"kubedrill/greeting": str(len(greeting))}}}
        api.core.patch_namespaced_pod(pod.metadata.name, app.namespace, stamp)

    def find_problem() -> str | None:
        output = {
            json.loads(api.pod_get(app.namespace, pod.metadata.name))["greeting"]
            for pod in ready_pods(api)
        }
        return None if output == {greeting} else f"pods say {sorted(output)}"

    api.wait(f"all pods to say {greeting!r}", find_problem, setting="pods_ready")


def test_the_token_is_mounted_and_shown_to_nobody(app: SampleApp, api: ClusterApi) -> None:
    assert app.token_is_mounted()
    secret = api.core.read_namespaced_secret(app.name, app.namespace)
    encoded = secret.data["token"]
    token = base64.b64decode(encoded).decode()
    assert len(token) >= 16
    for pod in ready_pods(api):
        name = pod.metadata.name
        shown = [
            api.pod_get(app.namespace, name, path)
            for path in ("/", "/metrics", "/readyz", "/healthz")
        ]
        shown += [api.core.read_namespaced_pod_log(name, app.namespace), str(pod.to_dict())]
        assert not [text for text in shown if token in text or encoded in text]
    assert token not in str(api.core.list_namespaced_config_map(app.namespace).to_dict())


def test_its_services_have_every_ready_pod_behind_them(app: SampleApp, api: ClusterApi) -> None:
    expected = {pod.status.pod_ip for pod in ready_pods(api)}
    assert len(expected) == 3
    services = api.core.list_namespaced_service(app.namespace).items
    assert len(services) >= 2
    for service in services:
        selector = f"kubernetes.io/service-name={service.metadata.name}"
        slices = api.discovery.list_namespaced_endpoint_slice(
            app.namespace, label_selector=selector
        ).items
        ready = {e.addresses[0] for s in slices for e in s.endpoints or [] if e.conditions.ready}
        assert ready == expected, service.metadata.name


def test_its_budget_lets_one_pod_go_at_a_time(app: SampleApp, api: ClusterApi) -> None:
    def find_problem() -> str | None:
        status = api.policy.read_namespaced_pod_disruption_budget(app.name, app.namespace).status
        result = (status.current_healthy, status.desired_healthy, status.disruptions_allowed)
        return (
            None
            if result == (3, 2, 1)
            else f"healthy, desired, allowed are {result}, expected (3, 2, 1)"
        )

    api.wait("the disruption budget", find_problem, setting="pods_ready")


def test_it_survives_a_pod_s_end_and_drains_before_it_goes(app: SampleApp, api: ClusterApi) -> None:
    deployment = api.apps.read_namespaced_deployment(app.name, app.namespace)
    container = deployment.spec.template.spec.containers[0]
    assert container.readiness_probe is not None
    assert container.liveness_probe is not None
    assert container.lifecycle.pre_stop is not None
    assert (
        deployment.spec.template.spec.termination_grace_period_seconds
        > container.lifecycle.pre_stop.sleep.seconds
    )
    assert deployment.spec.template.spec.topology_spread_constraints


def test_it_runs_without_privileges(app: SampleApp, api: ClusterApi) -> None:
    template = api.apps.read_namespaced_deployment(app.name, app.namespace).spec.template.spec
    context = template.containers[0].security_context
    assert template.security_context.run_as_non_root is True
    assert context.allow_privilege_escalation is False
    assert context.read_only_root_filesystem is True
    assert context.capabilities.drop == ["ALL"]
