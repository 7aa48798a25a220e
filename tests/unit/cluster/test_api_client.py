"""The client against a real HTTP server on loopback that misbehaves as an API server does."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drained_api import NODE, DrainedApi, DrainedHandler, make_pod
from kubernetes import client
from servers import Handler, serve, write_kubeconfig

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import kube_api
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.draining import Draining
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import Answer
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.api_client import ApiUnavailable, DeadlineApiClient
from kubedrill.cluster.hosts import Hosts
from kubedrill.config import Settings


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


EVICTION = "/api/v1/namespaces/app/pods/p/eviction"


def ask(http_api: type[_Api], path: str, tmp_path: Path, make_inventory: Any) -> Answer:
    """Ask as a drain does, by the API of a cluster."""
    inventory = make_inventory()
    config = write_kubeconfig(tmp_path, http_api.url)
    with (
        Hosts(inventory, Settings()) as hosts,
        ClusterApi(config, inventory, hosts, Settings()) as api,
    ):
        return api.ask("POST", path, {"kind": "Eviction"})


@pytest.mark.parametrize("status", [201, 403, 404, 409, 429, 500, 503])
def test_a_drain_s_request_gets_every_answer_with_its_words(
    http_api: type[_Api], tmp_path: Path, make_inventory: Any, status: int
) -> None:
    http_api.answers[EVICTION] = (status, {"kind": "Status", "message": "x" * 400})
    answer = ask(http_api, EVICTION, tmp_path, make_inventory)
    assert (answer.status, answer.words) == (status, "x" * 400)
    assert answer.retry_after == (1 if status == 429 else 0)
    assert http_api.asked == [EVICTION]


def test_a_drain_s_request_without_an_answer_is_not_repeated(
    http_api: type[_Api], tmp_path: Path, make_inventory: Any
) -> None:
    http_api.cut.append(EVICTION)
    with pytest.raises(kube_api.ApiUnavailable, match="closed before the answer"):
        ask(http_api, EVICTION, tmp_path, make_inventory)
    assert http_api.asked == [EVICTION]


def test_a_drain_goes_through_the_client(tmp_path: Path, make_inventory: Any) -> None:
    cluster, inventory = DrainedApi([make_pod("web", grace=0)]), make_inventory()
    with (
        serve(DrainedHandler, api=cluster) as server,
        Hosts(inventory, Settings()) as hosts,
        ClusterApi(write_kubeconfig(tmp_path, server.url), inventory, hosts, Settings()) as api,
    ):
        draining = Draining(api, NODE)
        assert [draining.try_round(), draining.try_round()] == [False, True]
    assert (cluster.cordoned, cluster.pods) == (True, [])
