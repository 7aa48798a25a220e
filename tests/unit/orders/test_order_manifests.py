"""What the order service's manifests promise, without a cluster."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException

from kubedrill.base.errors import StepFailed, UsageError
from kubedrill.bundle.orders import orders_items
from kubedrill.orders import service
from kubedrill.orders.manifests import (
    DATABASE_USERS,
    NAMESPACE,
    QUEUE_USERS,
    VERSIONS,
    count_data_objects,
    load,
    migration,
    named,
    new_secrets,
)
from kubedrill.orders.service import OrderService

sys.path.insert(0, str(Path(__file__).parents[2]))

from kube_schema import mistakes

BASE = Path(__file__).parents[3] / "harness/kubedrill/orders/kustomize"
WORKLOADS = ("Deployment", "StatefulSet", "Job")


def workloads(version: str = "v1") -> list[dict[str, Any]]:
    return [obj for obj in load(version) if obj["kind"] in WORKLOADS]


def pod(obj: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = obj["spec"]["template"]["spec"]
    return result


def names(objs: list[dict[str, Any]]) -> list[str]:
    return [obj["metadata"]["name"] for obj in objs]


def test_every_object_is_what_kubernetes_own_models_know() -> None:
    assert [text for obj in [*load("v1"), *new_secrets()] for text in mistakes(obj)] == []


def test_the_check_finds_a_misspelt_field_a_wrong_type_and_a_missing_one() -> None:
    obj = named(load("v1"), "Deployment", "web")
    obj["spec"]["replica"] = 3
    obj["spec"]["minReadySeconds"] = "2"
    del obj["spec"]["selector"]
    result = "\n".join(mistakes(obj))
    for word in (
        "spec.replica: Extra inputs",
        "spec.minReadySeconds",
        "spec.selector: Field required",
    ):
        assert word in result


def test_the_kustomization_names_every_file() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert set(listed) == {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}


def test_all_is_in_the_one_namespace_but_what_has_none() -> None:
    outside = [obj for obj in load("v1") if obj["metadata"].get("namespace") != NAMESPACE]
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in outside] == [
        ("Namespace", NAMESPACE),
        ("PriorityClass", "kubedrill-orders-data"),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_image_is_in_the_application_bundle(version: str) -> None:
    images = {
        container["image"] for obj in workloads(version) for container in pod(obj)["containers"]
    }
    assert images <= {item.image for item in orders_items()}
    assert f"docker.io/kubedrill/orders:{version}" in images


def test_a_version_is_in_names_labels_and_images() -> None:
    objects = load("v2")
    job = named(objects, "Job", migration("v2"))
    assert pod(job)["containers"][0]["image"].endswith("orders:v2")
    assert (
        named(objects, "Deployment", "web")["spec"]["template"]["metadata"]["labels"][
            "app.kubernetes.io/version"
        ]
        == "v2"
    )
    assert "version" not in str(
        named(objects, "StatefulSet", "queue")["spec"]["template"]["metadata"]["labels"]
    )


@pytest.mark.parametrize("obj", workloads(), ids=names(workloads()))
def test_pod_security_restricted_and_bounded(obj: dict[str, Any]) -> None:
    spec = pod(obj)
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 10_000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is (
        obj["metadata"]["name"] in ("database", "ingress")
    )
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {*container["resources"]["requests"], *container["resources"]["limits"]} == {
            "cpu",
            "memory",
        }
        if obj["kind"] != "Job":
            assert {"readinessProbe", "livenessProbe"} <= container.keys()


def test_what_takes_longest_is_applied_first_with_all_that_it_needs() -> None:
    objects = load("v1")
    first = objects[: count_data_objects(objects)]
    assert {obj["metadata"]["name"] for obj in first if obj["kind"] == "StatefulSet"} == {
        "database",
        "queue",
    }
    assert {"PriorityClass", "ServiceAccount", "Role", "ConfigMap", "NetworkPolicy"} <= {
        obj["kind"] for obj in first
    }
    assert not {obj["kind"] for obj in first} & {"Deployment", "Job", "Ingress"}


def test_all_requests_fit_into_half_a_processor() -> None:
    total = 0
    for obj in workloads():
        cpu = pod(obj)["containers"][0]["resources"]["requests"]["cpu"]
        total += int(cpu.removesuffix("m")) * obj["spec"].get("replicas", 1)
    assert total <= 500


def test_every_service_and_budget_selects_pods() -> None:
    templates = [obj["spec"]["template"]["metadata"]["labels"] for obj in workloads()]
    templates.append(
        {"app.kubernetes.io/name": "database", "kubedrill/role": "primary"}
    )  # Patroni's mark
    for obj in load("v1"):
        if obj["kind"] in ("Service", "PodDisruptionBudget"):
            selector = obj["spec"]["selector"].get("matchLabels", obj["spec"]["selector"])
            assert any(selector.items() <= labels.items() for labels in templates), obj["metadata"][
                "name"
            ]


def test_every_pod_has_a_budget_and_a_network_policy_of_its_own() -> None:
    budgets = {
        obj["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for obj in load("v1")
        if obj["kind"] == "PodDisruptionBudget"
    }
    assert budgets == set(names(workloads())) - {migration("v1")}
    assert named(load("v1"), "NetworkPolicy", "deny-all")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_patroni_and_the_ingress_may_do_what_they_need_and_nobody_else_anything() -> None:
    rights = [obj for obj in load("v1") if "Role" in obj["kind"]]
    assert {s["name"] for obj in rights for s in obj.get("subjects", [])} == {"database", "ingress"}
    routes = named(rights, "Role", "ingress")["rules"]
    assert {verb for rule in routes for verb in rule["verbs"]} == {"list"}
    assert {kind for rule in routes for kind in rule["resources"]} == {
        "ingresses",
        "services",
        "endpointslices",
    }
    assert {obj["kind"] for obj in rights} == {"Role", "RoleBinding"}
    verbs = {verb for rule in named(rights, "Role", "database")["rules"] for verb in rule["verbs"]}
    assert "*" not in verbs
    assert "delete" not in verbs
    assert [s["name"] for s in named(rights, "RoleBinding", "database")["subjects"]] == ["database"]


def test_the_app_sees_its_own_passwords_only() -> None:
    seen = {}
    for obj in workloads():
        for volume in pod(obj).get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                keys = [item["key"] for item in source["secret"]["items"]]
                seen.setdefault(obj["metadata"]["name"], {})[source["secret"]["name"]] = keys
    assert seen == {
        "web": {"queue": ["login"], "database": ["login"], "cache": ["password"]},
        "worker": {"queue": ["login"], "database": ["login"]},
        migration("v1"): {"queue": ["login"], "database": ["owner-login", "login", "next-login"]},
    }


def test_every_secret_that_is_asked_for_is_made_anew_each_time() -> None:
    assert "Secret" not in {obj["kind"] for obj in load("v1")}
    first, second = new_secrets(), new_secrets()
    made = {(s["metadata"]["name"], key) for s in first for key in s["data"]}
    asked = set()
    for obj in workloads():
        for variable in pod(obj)["containers"][0].get("env", []):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                asked.add((reference["name"], reference["key"]))
    assert asked <= made
    one = [value for s in first for key, value in s["data"].items() if key != "next-login"]
    assert not set(one) & {value for s in second for value in s["data"].values()}
    assert min(len(base64.b64decode(value)) for value in one) >= 48


def test_the_queue_knows_both_logins_and_clients_have_one_of_them() -> None:
    result = {
        s["metadata"]["name"]: {k: base64.b64decode(v).decode() for k, v in s["data"].items()}
        for s in new_secrets()
    }
    queue, database = result["queue"], result["database"]
    config = named(load("v1"), "ConfigMap", "queue")["data"]["nats.conf"]
    for side, user in QUEUE_USERS.items():
        assert f'user: "{user}", password: $PASSWORD_{side.upper()}' in config
    assert queue["login"] == f"{QUEUE_USERS['a']}:{queue['password-a']}"
    assert database["login"].partition(":")[0] == DATABASE_USERS["a"]
    assert database["next-login"] == ""
    job = pod(named(load("v1"), "Job", migration("v1")))["containers"][0]
    members = next(e["value"] for e in job["env"] if e["name"] == "DATABASE_MEMBERS")
    assert members.split(",") == list(DATABASE_USERS.values())


def test_the_grace_period_covers_the_drain() -> None:
    spec = pod(named(load("v1"), "Deployment", "web"))
    container = spec["containers"][0]
    drain = float(next(e["value"] for e in container["env"] if e["name"] == "DRAIN_SECONDS"))
    finish = 10  # apps/orders/main.py FINISH_SECONDS
    assert (
        container["lifecycle"]["preStop"]["sleep"]["seconds"] + drain + finish
        < spec["terminationGracePeriodSeconds"]
    )


def test_patroni_s_times_keep_its_own_rule() -> None:
    config = yaml.safe_load(named(load("v1"), "ConfigMap", "database")["data"]["patroni.yml"])
    dcs = config["bootstrap"]["dcs"]
    assert dcs["loop_wait"] + 2 * dcs["retry_timeout"] <= dcs["ttl"]
    assert dcs["synchronous_mode"] == "quorum"
    assert dcs["synchronous_mode_strict"]


def test_an_unknown_version_is_refused_before_anything_is_touched() -> None:
    service = OrderService(refusing(""), None)  # type: ignore[arg-type]  # waits for nothing
    with pytest.raises(UsageError, match="no version 'v9'; give one of v1, v2"):
        service.deploy("v9")


def refusing(kind: str) -> Any:
    """A cluster of three nodes that takes everything but one kind.

    It remembers what was deleted.
    """
    node = SimpleNamespace(metadata=SimpleNamespace(name="n1"))
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    missing = ApiException(status=404)
    deleted: list[str] = []

    def apply(objects: list[dict[str, Any]]) -> None:
        if objects[0]["kind"] == kind:
            error = ApiException(status=422)
            error.body = '{"message": "spec.replicas: must be positive"}'
            raise error

    def absent(*_: Any, **__: Any) -> Any:
        raise missing

    return SimpleNamespace(
        client=None,
        deleted=deleted,
        pods=lambda *_: [],
        nodes=lambda: [node] * 3,
        ready=lambda _: True,
        storage=SimpleNamespace(
            list_storage_class=lambda: SimpleNamespace(
                items=[SimpleNamespace(metadata=SimpleNamespace(annotations=default))]
            )
        ),
        apps=SimpleNamespace(read_namespaced_deployment=absent),
        core=SimpleNamespace(
            read_namespace=absent,
            create_namespaced_secret=lambda *_: None,
            list_persistent_volume=lambda: SimpleNamespace(items=[]),
        ),
        apply=apply,
        delete=lambda objects: deleted.extend(obj["kind"] for obj in objects),
        wait_namespace_gone=lambda _: None,
        wait=lambda _what, find_problem, **_: find_problem(),
    )


def test_a_manifest_that_is_refused_is_named_and_what_was_made_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = refusing("StatefulSet")
    orders = OrderService(api, None)  # type: ignore[arg-type]
    monkeypatch.setattr(service, "Certificates", lambda _: SimpleNamespace(ensure=lambda: None))
    monkeypatch.setattr(service, "Migration", lambda *_: SimpleNamespace(clear_failed=lambda: None))
    with pytest.raises(
        StepFailed, match=r"StatefulSet database was refused: 422 spec\.replicas: must be positive"
    ):
        orders.deploy("v1")
    assert api.deleted == ["Namespace", "PriorityClass"]


def test_database_and_queue_do_not_wait_for_the_certificate_and_the_ingress_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api, done, output = refusing("nothing"), [], []
    api.apply = lambda objects: done.extend(
        f"{obj['kind']} {obj['metadata']['name']}" for obj in objects
    )
    monkeypatch.setattr(
        service,
        "Certificates",
        lambda _: SimpleNamespace(ensure=lambda: done.append("certificate")),
    )
    monkeypatch.setattr(service, "Migration", lambda *_: SimpleNamespace(clear_failed=lambda: None))
    monkeypatch.setattr(service, "Completeness", lambda *_: SimpleNamespace(missing=lambda: None))
    OrderService(api, None, output.append).deploy("v1")  # type: ignore[arg-type]
    in_order = [
        "StatefulSet database",
        "StatefulSet queue",
        "certificate",
        "Job migrate-v1",
        "Deployment ingress",
    ]
    assert sorted(in_order, key=done.index) == in_order
    assert len(done) == len(load("v1")) + 1
    assert output == ["database and queue are on their way", "everything else is on its way"]


def test_too_few_nodes_and_no_storage_are_reported_together_before_anything_is_touched() -> None:
    api = refusing("Namespace")
    api.nodes = lambda: [SimpleNamespace(metadata=SimpleNamespace(name="n1"))] * 2
    api.storage = SimpleNamespace(list_storage_class=lambda: SimpleNamespace(items=[]))
    with pytest.raises(UsageError, match=r"2 nodes are ready .* no default StorageClass"):
        OrderService(api, None).deploy("v1")  # type: ignore[arg-type]
