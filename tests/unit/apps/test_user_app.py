"""An application of the user's own on a cluster in memory.

What is applied, what is refused, what is left alone.
"""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiException

from kubedrill.apps import APPLIED_LABEL, Application, SampleApp, UserApp
from kubedrill.apps.user_objects import find_mistakes, selector_text
from kubedrill.base.errors import DeadlineExceeded, StepFailed, UsageError
from kubedrill.config.app import AppSettings

Key = tuple[str, str, str]
SELECTOR = {"matchLabels": {"tier": "web"}}
ENDPOINTS: dict[str, Any] = {
    "outside": {"node_port": 30880, "path": "/healthz"},
    "inside": {"service": "web", "port": 80, "path": "/ready"},
}


def settings(**changed: Any) -> AppSettings:
    given = {
        "namespace": "shop",
        "workload": "deployment/web",
        "deployed": True,
        "endpoints": ENDPOINTS,
        **changed,
    }
    return AppSettings.model_validate(given)


def obj(
    kind: str, name: str, *, spec: Any = None, namespace: str = "", api: str = "v1"
) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, **place},
        "spec": spec or {},
    }


def shop() -> list[dict[str, Any]]:
    ports = [{"port": 80, "nodePort": 30880}]
    return [
        obj("Service", "web", spec={"ports": ports, "type": "NodePort"}),
        obj("ClusterRole", "shop-reader", api="rbac.authorization.k8s.io/v1"),
        obj("Deployment", "web", spec={"selector": SELECTOR, "replicas": 2}, api="apps/v1"),
        obj(
            "StatefulSet",
            "store",
            spec={"selector": {"matchLabels": {"tier": "store"}}},
            api="apps/v1",
        ),
    ]


class Cluster:
    """Keeps objects; workloads are complete at once, and gone objects are gone at once."""

    def __init__(self, *there: dict[str, Any], refuse: str = "", never_complete: str = "") -> None:
        self.there: dict[Key, dict[str, Any]] = {self.key(each): each for each in there}
        self.applied: list[str] = []
        self.waited: list[str] = []
        self.refuse, self.never_complete = refuse, never_complete
        self.inventory = SimpleNamespace(endpoint_address="172.31.77.10")
        self.core = SimpleNamespace(
            read_namespaced_service=lambda *_: SimpleNamespace(
                spec=SimpleNamespace(cluster_ip="10.96.0.7")
            ),
            read_namespace=self._namespace,
            read_namespaced_pod_log=lambda *_, **_options: "Traceback: no database",
            list_namespaced_service=lambda _name: self._listed("Service"),
        )
        self.apps = SimpleNamespace(
            list_namespaced_deployment=lambda _name: self._listed("Deployment"),
            list_namespaced_stateful_set=lambda _name: self._listed("StatefulSet"),
        )
        self.client = SimpleNamespace(sanitize_for_serialization=deepcopy)

    @staticmethod
    def key(each: dict[str, Any]) -> Key:
        return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]

    def read(self, each: dict[str, Any]) -> dict[str, Any] | None:
        return self.there.get(self.key(each))

    def namespaced(self, each: dict[str, Any]) -> bool:
        return each["kind"] not in ("Namespace", "ClusterRole")

    def apply(self, objects: list[dict[str, Any]]) -> None:
        for each in objects:
            if each["metadata"]["name"] == self.refuse:
                refused = ApiException(status=422)
                refused.body = '{"message": "Invalid value: 0"}'
                raise refused
            self.applied.append(f"{each['kind']} {each['metadata']['name']}")
            self.there[self.key(each)] = deepcopy(each)

    def delete(self, objects: list[dict[str, Any]]) -> None:
        for each in objects:
            self.there.pop(self.key(each), None)
            if each["kind"] == "Namespace":
                inside = [key for key in self.there if key[1] == each["metadata"]["name"]]
                self.there = {key: value for key, value in self.there.items() if key not in inside}

    def wait_rollout(self, kind: str, namespace: str, name: str) -> None:
        self.waited.append(f"{kind} {namespace}/{name}")
        if name == self.never_complete:
            raise DeadlineExceeded(
                f"{kind} {name} to be complete", 300, "rollout", "0 ready, expected 2"
            )

    def wait_namespace_gone(self, _name: str) -> None: ...

    def wait(self, _what: str, missing: Any, **_options: Any) -> None:
        assert missing() is None

    def nodes(self) -> list[Any]:
        return []

    def pods(self, _namespace: str, selector: str = "") -> list[Any]:
        status = SimpleNamespace(
            ready=False,
            restart_count=3,
            last_state=None,
            state=SimpleNamespace(
                terminated=None,
                running=None,
                waiting=SimpleNamespace(reason="CrashLoopBackOff", message=""),
            ),
        )
        pod = SimpleNamespace(
            metadata=SimpleNamespace(name="web-1", namespace="shop", deletion_timestamp=None),
            spec=SimpleNamespace(node_name="w1"),
            status=SimpleNamespace(phase="Running", container_statuses=[status], conditions=[]),
        )
        return [] if self.never_complete == "" and selector == "" else [pod]

    def events(self, _namespace: str) -> list[Any]:
        return []

    def rollout_problem(self, *_: str) -> None:
        return None

    def _namespace(self, name: str) -> Any:
        if ("Namespace", "", name) not in self.there:
            raise ApiException(status=404)
        return SimpleNamespace(metadata=SimpleNamespace(deletion_timestamp=None))

    def workload(self, kind: str, namespace: str, name: str) -> Any:
        if (kind, namespace, name) not in self.there:
            raise ApiException(status=404)
        template = SimpleNamespace(
            spec=SimpleNamespace(containers=[SimpleNamespace(image="registry:5000/shop:7")])
        )
        return SimpleNamespace(
            spec=SimpleNamespace(template=template, replicas=2, selector=SELECTOR),
            status=SimpleNamespace(ready_replicas=1),
        )

    def _listed(self, kind: str) -> Any:
        return SimpleNamespace(
            items=[value for key, value in self.there.items() if key[:2] == (kind, "shop")]
        )


def mine(cluster: Any, *objects: dict[str, Any], **changed: Any) -> UserApp:
    app = settings(**changed)
    return UserApp(cluster, app.model_copy(update={"deployed": not objects}), objects)


def test_it_is_an_application_as_the_sample_is() -> None:
    one: Application = mine(Cluster(), *shop())
    other: Application = SampleApp(None, None)  # type: ignore[arg-type]  # asks nothing
    assert (one.versions, len(other.versions)) == ((), 2)


def test_it_is_applied_in_order_into_its_namespace_and_waited_for() -> None:
    cluster = Cluster()
    app = mine(cluster, *shop())
    app.deploy()
    assert cluster.applied == [
        "Namespace shop",
        "Service web",
        "ClusterRole shop-reader",
        "Deployment web",
        "StatefulSet store",
    ]
    assert cluster.waited == ["Deployment shop/web", "StatefulSet shop/store"], (
        "all of it has to be complete"
    )
    assert all(APPLIED_LABEL in each["metadata"]["labels"] for each in cluster.there.values())
    assert ("Service", "shop", "web") in cluster.there
    assert ("ClusterRole", "", "shop-reader") in cluster.there
    app.deploy()  # what is ours may be applied again


def test_removal_leaves_nothing_of_ours() -> None:
    cluster = Cluster(obj("Namespace", "other"), obj("Service", "web", namespace="other"))
    app = mine(cluster, *shop())
    app.deploy()
    app.remove()
    app.remove()
    assert set(cluster.there) == {("Namespace", "", "other"), ("Service", "other", "web")}


def test_a_namespace_that_was_there_stays_with_what_others_have_in_it() -> None:
    theirs = [obj("Namespace", "shop"), obj("ConfigMap", "theirs", namespace="shop")]
    cluster = Cluster(*theirs)
    app = mine(cluster, obj("Namespace", "shop"), *shop())
    app.deploy()
    assert "Namespace shop" not in cluster.applied
    app.remove()
    assert set(cluster.there) == {Cluster.key(each) for each in theirs}


def test_objects_of_others_are_not_overwritten() -> None:
    cluster = Cluster(obj("Deployment", "web", namespace="shop"), obj("ClusterRole", "shop-reader"))
    app = mine(cluster, *shop())
    assert len(app.unfit()) == 2
    with pytest.raises(
        StepFailed,
        match=r"ClusterRole shop-reader is on the cluster already.*app.deployed: true "
        r".*Deployment web is",
    ):
        app.deploy()
    assert cluster.applied == []
    app.remove()
    assert len(cluster.there) == 2


def test_a_refused_object_is_reported_in_the_cluster_s_words_and_the_others_are_taken_back() -> (
    None
):
    cluster = Cluster(refuse="store")
    with pytest.raises(StepFailed, match="StatefulSet store was refused: 422 Invalid value: 0"):
        mine(cluster, *shop()).deploy()
    assert cluster.there == {}


def test_what_does_not_come_up_is_reported_with_its_pods() -> None:
    cluster = Cluster(never_complete="web")
    with pytest.raises(
        StepFailed,
        match=r"is not up: waited 300 s (.|\n)*pod web-1 on w1 (.|\n)*CrashLoopBackOff"
        r"(.|\n)*no database",
    ):
        mine(cluster, *shop()).deploy()


def test_one_that_its_owner_deployed_is_neither_applied_nor_removed() -> None:
    there = [{**each, "metadata": {**each["metadata"], "namespace": "shop"}} for each in shop()]
    cluster = Cluster(*there)
    app = mine(cluster)
    app.deploy()
    app.remove()
    assert cluster.applied == []
    assert cluster.waited == ["Deployment shop/web"]
    assert len(cluster.there) == len(there)
    assert app.selector == "tier=web"
    status = app.status()
    assert status is not None
    assert (status.version, status.replicas, status.ready) == ("7", 2, 1)


def test_one_that_should_be_there_and_is_not_is_reported_with_all_that_is_missing() -> None:
    cluster = Cluster(obj("Service", "other", namespace="shop"))
    app = mine(cluster)
    problems = app.unfit()
    assert [each.partition(":")[0] for each in problems] == [
        "app.workload", "app.endpoints.inside.service", "app.endpoints.outside.node_port",
    ]  # fmt: skip
    assert app.status() is None
    with pytest.raises(StepFailed, match="there is no deployment/web"):
        app.deploy()


def test_it_is_asked_at_the_virtual_address_and_at_its_service() -> None:
    result = mine(Cluster(), *shop()).endpoints()
    assert result.node_port == "http://172.31.77.10:30880/healthz"
    assert result.service == "http://10.96.0.7:80/ready"
    assert (result.dns_name, result.address) == ("web.shop.svc.cluster.local.", "10.96.0.7")
    assert dict(result.asked_outside) == {"kind": "http-status", "host": "", "verify": True}


def test_an_ingress_takes_the_place_of_a_node_port() -> None:
    outside = {"url": "https://[fd00::1]:443/x", "host": "shop.example", "verify": False}
    result = mine(Cluster(), *shop(), endpoints={**ENDPOINTS, "outside": outside}).endpoints()
    assert result.node_port == "https://[fd00::1]:443/x"
    assert dict(result.asked_outside) == {
        "kind": "http-status",
        "host": "shop.example",
        "verify": False,
    }


def test_it_has_no_other_version() -> None:
    with pytest.raises(UsageError, match="one version of it only"):
        mine(Cluster(), *shop()).roll("v2")


def test_what_was_rendered_fits() -> None:
    assert find_mistakes(settings(), shop()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"workload": "statefulset/web"},
            "there is no statefulset/web; there are: deployment/web, statefulset/store",
        ),
        ({"namespace": "fair"}, "Role r is in namespace shop; app.namespace is fair"),
        (
            {"endpoints": {**ENDPOINTS, "inside": {"service": "db", "port": 80}}},
            "there is no Service db; there are: web, bare",
        ),
        (
            {"endpoints": {**ENDPOINTS, "inside": {"service": "web", "port": 81}}},
            r"web has no port 81; it has: \[80\]",
        ),
        (
            {"endpoints": {**ENDPOINTS, "inside": {"service": "bare", "port": 80}}},
            "bare has no address of its own",
        ),
        (
            {"endpoints": {**ENDPOINTS, "outside": {"node_port": 31000}}},
            r"no Service has node port 31000; .*\[30880\]",
        ),
    ],
)
def test_what_does_not_fit_the_configuration_is_reported(
    changed: dict[str, Any], expected: str
) -> None:
    more = [
        obj("Service", "bare", spec={"clusterIP": "None", "ports": [{"port": 80}]}),
        obj("Role", "r", namespace="shop"),
    ]
    with pytest.raises(AssertionError, match=expected):
        assert find_mistakes(settings(**changed), [*shop(), *more]) == []


def test_another_namespace_and_no_replicas_are_reported_together() -> None:
    nothing = obj("Deployment", "web", spec={"selector": SELECTOR, "replicas": 0})
    result = find_mistakes(settings(), [obj("Namespace", "fair"), nothing, shop()[0]])
    assert ["Namespace fair" in result[0], "0 replicas" in result[1]] == [True, True]


def test_every_kind_of_selector_is_written_as_the_api_takes_it() -> None:
    expressions = [
        {"key": "a", "operator": "In", "values": ["x", "y"]},
        {"key": "b", "operator": "NotIn", "values": ["z"]},
        {"key": "c", "operator": "DoesNotExist"},
    ]
    assert selector_text({"matchExpressions": expressions}) == "a in (x,y),b notin (z),!c"
