"""The client against a real HTTP server on loopback that misbehaves as an API server does."""

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client
from servers import Handler, serve

from kubedrill.cluster.api_client import ApiUnavailable, DeadlineApiClient
from kubedrill.cluster.eviction import evict

BUDGET = {
    "metadata": {"name": "hello", "namespace": "app"},
    "spec": {"selector": {"matchLabels": {"app": "hello"}}},
    "status": {
        "disruptionsAllowed": 0,
        "currentHealthy": 2,
        "desiredHealthy": 2,
        "expectedPods": 2,
    },
}


class _Api(Handler):
    answers: dict[str, tuple[int, Any]]
    asked: list[str]
    cut: list[str]
    hold: threading.Event

    def answer(self) -> None:
        self.asked.append(self.path)
        if self.path in self.cut:
            self.cut.remove(self.path)
            self.close_connection = True  # without a word, as a balancer whose server is gone
            return
        if self.path == "/api/v1/nodes":
            self.hold.wait(60)
        status, body = self.answers.get(
            self.path, (404, {"kind": "Status", "message": "no such path"})
        )
        later = {"Retry-After": "1"} if status in (429, 503) else {}
        with contextlib.suppress(ConnectionError):  # the client's deadline passed
            self.send_json(status, json.dumps(body).encode(), **later)


@pytest.fixture
def http_api() -> Iterator[type[_Api]]:
    with serve(_Api, answers={}, asked=[], cut=[], hold=threading.Event()) as handler:
        yield handler
        handler.hold.set()


def make(server: Any, seconds: float = 60, url: str = "") -> DeadlineApiClient:
    configuration = client.Configuration()
    configuration.host = url or server.url
    configuration.retries = False
    return DeadlineApiClient(configuration, seconds)


def test_a_call_without_a_timeout_has_one(http_api: type[_Api]) -> None:
    with pytest.raises(ApiUnavailable, match=r"GET http.*/api/v1/nodes had no answer within 0.2 s"):
        client.CoreV1Api(make(http_api, 0.2)).list_node()
    assert http_api.asked == ["/api/v1/nodes"]


@pytest.mark.parametrize("status", [500, 503, 504])
def test_a_server_that_is_starting_or_lost_etcd_is_unavailable_and_is_asked_once(
    http_api: type[_Api], status: int
) -> None:
    path = "/api/v1/nodes/cp1"
    http_api.answers[path] = (status, {"message": "etcdserver: leader changed"})
    with pytest.raises(ApiUnavailable, match=f"answered {status}: .*leader changed"):
        client.CoreV1Api(make(http_api)).read_node("cp1")
    assert http_api.asked == [path]


def test_a_question_whose_connection_is_cut_is_asked_once_more_and_a_write_never(
    http_api: type[_Api],
) -> None:
    path = "/api/v1/nodes/cp1"
    http_api.answers[path] = (200, {"metadata": {"name": "cp1"}})
    http_api.cut.append(path)
    assert client.CoreV1Api(make(http_api)).read_node("cp1").metadata.name == "cp1"
    assert http_api.asked == [path, path]
    http_api.cut += [path, path]
    with pytest.raises(ApiUnavailable, match="closed before the answer"):
        client.CoreV1Api(make(http_api)).read_node("cp1")
    http_api.asked.clear()
    http_api.cut.append("/api/v1/namespaces")
    with pytest.raises(ApiUnavailable, match="closed before the answer"):
        client.CoreV1Api(make(http_api)).create_namespace({"metadata": {"name": "x"}})
    assert http_api.asked == ["/api/v1/namespaces"]


def test_nobody_listens() -> None:
    with pytest.raises(ApiUnavailable, match="refused"):
        client.CoreV1Api(make(None, url="http://127.0.0.1:1")).read_node("cp1")


def test_a_refusal_stays_the_kubernetes_client_s_own_error(http_api: type[_Api]) -> None:
    with pytest.raises(client.ApiException) as caught:
        client.CoreV1Api(make(http_api)).read_node("absent")
    assert caught.value.status == 404


def evicted(http_api: type[_Api]) -> Any:
    made = make(http_api)
    pod = client.V1Pod(
        metadata=client.V1ObjectMeta(name="p", namespace="app", uid="u", labels={"app": "hello"})
    )
    return evict(client.CoreV1Api(made), client.PolicyV1Api(made), pod)


EVICTION = "/api/v1/namespaces/app/pods/p/eviction"


def test_a_429_to_an_eviction_means_later_and_names_the_budget(http_api: type[_Api]) -> None:
    http_api.answers[EVICTION] = (
        429,
        {"kind": "Status", "message": "Cannot evict pod as it would violate the budget."},
    )
    http_api.answers["/apis/policy/v1/namespaces/app/poddisruptionbudgets"] = (
        200,
        {"items": [BUDGET]},
    )
    result = evicted(http_api)
    assert result.outcome == "blocked"
    assert result.reason == (
        "PodDisruptionBudget app/hello (allows 0 now): "
        "Cannot evict pod as it would violate the budget."
    )


def test_a_pod_that_is_gone_needs_no_eviction(http_api: type[_Api]) -> None:
    http_api.answers[EVICTION] = (404, {"kind": "Status", "message": "not found"})
    assert evicted(http_api).outcome == "gone"


def test_an_accepted_eviction(http_api: type[_Api]) -> None:
    http_api.answers[EVICTION] = (201, {"kind": "Status", "status": "Success"})
    assert evicted(http_api).outcome == "done"


def test_any_other_refusal_of_an_eviction_is_an_error(http_api: type[_Api]) -> None:
    http_api.answers[EVICTION] = (403, {"kind": "Status", "message": "forbidden"})
    with pytest.raises(client.ApiException):
        evicted(http_api)
