"""The order service, where it is deployed.

Complete, spread, protected, and what it must not be able to do.

It is not deployed for these checks: a database on a user's cluster is the user's decision
(kubedrill app deploy).
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from kubernetes.client import (
    ApiException,
    AuthorizationV1Api,
    AutoscalingV2Api,
)

from kubedrill.acceptance.orders import ANSWER_S, ready_pods, serves
from kubedrill.base.errors import StepFailed
from kubedrill.orders.ledger import ACKNOWLEDGED, settle
from kubedrill.orders.manifests import GRPC_NODE_PORT, NAMESPACE, NODE_PORT, SELECTOR, STREAM
from kubedrill.orders.service import OrderService
from kubedrill.orders.traffic import Traffic
from kubedrill.orders.traffic_process import TrafficPlan

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings
    from kubedrill.orders.status import OrdersStatus

pytestmark = [pytest.mark.app, pytest.mark.usefixtures("complete")]


def ask(url: str, body: Any = None, key: str = "") -> tuple[int, Any]:
    assert url.startswith("http://")
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=ANSWER_S) as response:  # noqa: S310 - checked above
        return response.status, json.load(response)


def test_every_part_is_complete_and_one_database_is_primary(status: OrdersStatus) -> None:
    assert status.problem == ""
    assert {part.name for part in status.components} == {
        "queue",
        "database",
        "cache",
        "worker",
        "web",
        "ingress",
    }
    assert status.primary.startswith("database-")


@pytest.mark.parametrize("name", ["queue", "database"])
def test_each_member_is_on_a_node_of_its_own_with_a_volume(api: ClusterApi, name: str) -> None:
    members = ready_pods(api, name)
    assert len({pod.spec.node_name for pod in members}) == len(members) == 3
    for pod in members:
        claim = api.core.read_namespaced_persistent_volume_claim(
            f"data-{pod.metadata.name}", NAMESPACE
        )
        assert claim.status.phase == "Bound"


def test_the_stream_has_three_copies_that_are_up_to_date(api: ClusterApi) -> None:
    def asked(server: str) -> dict[str, Any]:
        state = json.loads(api.pod_get(NAMESPACE, server, "/jsz?streams=1", 8222))
        cluster: dict[str, Any] = next(
            stream["cluster"]
            for account in state["account_details"]
            for stream in account["stream_detail"]
            if stream["name"] == STREAM
        )
        return cluster

    leader = asked("queue-0")["leader"]
    assert leader
    copies = asked(leader)["replicas"]  # only the leader hears of all copies
    assert [copy["current"] for copy in copies] == [True, True]


def test_an_order_written_at_one_node_is_read_at_every_other(
    api: ClusterApi, inventory: Inventory
) -> None:
    addresses = [inventory.endpoint_address, *(node.address for node in inventory.nodes)]
    key = f"acceptance-{uuid.uuid4().hex}"
    code, receipt = ask(
        f"http://{addresses[0]}:{NODE_PORT}/orders", {"item": "tea", "reference": key}, key
    )
    assert (code, receipt["duplicate"]) == (202, False)

    def find_problem() -> str | None:
        try:
            ask(f"http://{addresses[0]}:{NODE_PORT}/orders/{receipt['id']}")
        except urllib.error.HTTPError as error:
            return f"it answers {error.code}"
        return None

    api.wait("the order to be stored", find_problem, setting="orders_stored")
    for address in addresses:
        assert ask(f"http://{address}:{NODE_PORT}/orders/{receipt['id']}")[1]["key"] == key
    assert (
        ask(f"http://{addresses[-1]}:{NODE_PORT}/orders", {"item": "tea"}, key)[1]["id"]
        == receipt["id"]
    )


def test_grpc_answers_on_every_node(inventory: Inventory) -> None:
    for node in inventory.nodes:
        with grpc.insecure_channel(f"{node.address}:{GRPC_NODE_PORT}") as channel:
            assert serves(channel)


def test_each_web_pod_describes_itself_and_greets_from_the_config_map(
    status: OrdersStatus, api: ClusterApi
) -> None:
    greeting = api.core.read_namespaced_config_map("orders", NAMESPACE).data["greeting"]
    for pod in ready_pods(api, "web"):
        output = json.loads(api.pod_get(NAMESPACE, pod.metadata.name))
        assert (output["greeting"], output["version"], output["node"]) == (
            greeting,
            status.version,
            pod.spec.node_name,
        )
        assert (
            "/orders"
            in json.loads(api.pod_get(NAMESPACE, pod.metadata.name, "/openapi.json"))["paths"]
        )


def test_every_budget_allows_one_pod_to_go(api: ClusterApi) -> None:
    budgets = api.policy.list_namespaced_pod_disruption_budget(NAMESPACE).items
    assert {b.metadata.name: b.status.disruptions_allowed >= 1 for b in budgets} == dict.fromkeys(
        ("cache", "database", "ingress", "queue", "web", "worker"), True
    )


def test_the_autoscaler_has_figures(api: ClusterApi) -> None:
    def find_problem() -> str | None:
        autoscaling: Any = AutoscalingV2Api(api.client)
        scaler = autoscaling.read_namespaced_horizontal_pod_autoscaler("web", NAMESPACE)
        active = [c for c in scaler.status.conditions or [] if c.type == "ScalingActive"]
        return None if active and active[0].status == "True" else str(active and active[0].message)

    api.wait("the autoscaler to have figures", find_problem, setting="metrics")


@pytest.mark.parametrize(
    ("account", "verb", "resource", "allowed"),
    [
        ("database", "patch", "configmaps", True),
        ("database", "delete", "pods", False),
        ("database", "get", "secrets", False),
        ("app", "get", "secrets", False),
        ("app", "list", "pods", False),
        ("queue", "get", "configmaps", False),
        ("ingress", "list", "services", True),
        ("ingress", "list", "secrets", False),
        ("ingress", "get", "secrets", False),
        ("ingress", "list", "pods", False),
    ],
)
def test_accounts_may_do_what_they_need_and_nothing_else(
    api: ClusterApi, account: str, verb: str, resource: str, allowed: bool
) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{NAMESPACE}:{account}",
            "resourceAttributes": {"namespace": NAMESPACE, "verb": verb, "resource": resource},
        },
    }
    authorization: Any = AuthorizationV1Api(api.client)
    assert authorization.create_subject_access_review(review).status.allowed is allowed


def test_a_privileged_pod_is_refused(api: ClusterApi) -> None:
    image = ready_pods(api, "web")[0].spec.containers[0].image
    container = {"name": "x", "image": image, "securityContext": {"privileged": True}}
    pod = {
        "metadata": {"name": "privileged", "namespace": NAMESPACE},
        "spec": {"containers": [container]},
    }
    with pytest.raises(ApiException) as caught:
        api.core.create_namespaced_pod(NAMESPACE, pod, dry_run="All")
    assert caught.value.status == 403
    assert "violates PodSecurity" in str(caught.value.body)


def test_no_password_is_shown_anywhere(api: ClusterApi) -> None:
    secrets = [
        s
        for s in api.core.list_namespaced_secret(NAMESPACE).items
        if s.metadata.name in ("queue", "database", "cache")
    ]
    encoded = {value for secret in secrets for value in secret.data.values() if value}
    plain = {base64.b64decode(value).decode().strip() for value in encoded}
    values = encoded | plain | {value.rpartition(":")[2] for value in plain}
    assert len(values) >= 16
    shown = [str(api.core.list_namespaced_config_map(NAMESPACE).to_dict())]
    for pod in api.pods(NAMESPACE, SELECTOR):
        shown += [
            str(pod.to_dict()),
            api.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE),
        ]
    assert not [value for value in values if any(value in text for text in shown)]


def test_a_version_that_cannot_start_is_stopped_by_the_rollout_while_the_old_one_serves(
    status: OrdersStatus, api: ClusterApi, settings: Settings, inventory: Inventory, tmp_path: Path
) -> None:
    """Its pods end at once; the rollout gives up after 15 s, with the reason.

    No request failed meanwhile.
    """
    service = OrderService(api, settings)
    plan = TrafficPlan(
        f"http://{inventory.endpoint_address}:{NODE_PORT}", f"broken-{uuid.uuid4().hex[:8]}", 10, 5
    )
    broken = {
        "spec": {
            "progressDeadlineSeconds": 15,
            "template": {"spec": {"containers": [{"name": "web", "args": ["x"]}]}},
        }
    }
    try:
        with Traffic(plan, tmp_path / "ledger.jsonl", settings.timeouts) as traffic:
            api.apps.patch_namespaced_deployment("web", NAMESPACE, broken)
            with pytest.raises(StepFailed) as caught:
                service.wait_ready(status.version)
            traffic.stop()
            ledger = traffic.read_back()
    finally:
        service.deploy(status.version)
    assert "the rollout of web was given up" in str(caught.value)
    assert "usage: main.py web|worker|migrate" in str(caught.value), (
        "the log of the pod that failed"
    )
    assert {write.outcome for write in ledger.writes.values()} == {ACKNOWLEDGED}
    assert settle(ledger).wrong == ()


def test_deploying_again_changes_nothing(
    status: OrdersStatus, api: ClusterApi, settings: Settings
) -> None:
    def generations() -> dict[str, tuple[int, int]]:
        violations = [
            *api.apps.list_namespaced_deployment(NAMESPACE).items,
            *api.apps.list_namespaced_stateful_set(NAMESPACE).items,
        ]
        return {
            obj.metadata.name: (obj.metadata.generation, obj.spec.replicas) for obj in violations
        }

    def staying() -> set[str]:
        """Those that an earlier rollout is just ending do not count."""
        return {
            pod.metadata.uid
            for pod in api.pods(NAMESPACE, SELECTOR)
            if pod.metadata.deletion_timestamp is None
        }

    before, running = generations(), staying()
    OrderService(api, settings).deploy(status.version)
    assert generations() == before
    assert staying() == running
