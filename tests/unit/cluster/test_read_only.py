"""The client that readiness uses can only read.

A real server on loopback never sees anything else.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from servers import Handler, serve, write_kubeconfig

from kubedrill.base.errors import WouldTouch
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.read_only import ReadOnlyApi
from kubedrill.config import Settings
from kubedrill.readiness.apis import read_server, read_uses
from kubedrill.readiness.model import DeprecatedApi

FLOW = "flowcontrol.apiserver.k8s.io"


class _Api(Handler):
    """Answers from a table; remembers every method and path."""

    answers: dict[str, Any]
    asked: list[tuple[str, str]]

    def answer(self) -> None:
        self.asked.append((self.command, self.path))
        body = self.answers.get(self.path)
        text = body if isinstance(body, str) else json.dumps(body or {})
        self.send_json(404 if body is None else 200, text.encode())


@pytest.fixture
def served() -> Iterator[type[_Api]]:
    with serve(_Api, answers={}, asked=[]) as handler:
        yield handler


@pytest.fixture
def api(served: Any, tmp_path: Path, make_inventory: Any) -> Iterator[ReadOnlyApi]:
    path = write_kubeconfig(tmp_path, served.url)
    inventory = make_inventory()
    with (
        Hosts(inventory, Settings()) as hosts,
        ReadOnlyApi(path, inventory, hosts, Settings()) as made,
    ):
        yield made


WRITES: dict[str, Callable[[ReadOnlyApi], Any]] = {
    "cordon": lambda api: api.cordon("w1"),
    "evict": lambda api: api.ask("POST", "/api/v1/namespaces/n/pods/p/eviction", {}),
    "create": lambda api: api.core.create_namespace(client.V1Namespace()),
    "replace": lambda api: api.core.replace_node("w1", client.V1Node()),
    "patch": lambda api: api.apps.patch_namespaced_deployment("d", "n", {}),
    "delete": lambda api: api.core.delete_namespaced_pod("p", "n"),
    "delete many": lambda api: api.core.delete_collection_namespaced_pod("n"),
    "budget": lambda api: api.policy.delete_namespaced_pod_disruption_budget("b", "n"),
    "custom": lambda api: api.custom.delete_cluster_custom_object("g", "v1", "things", "x"),
    "lease": lambda api: api.coordination.patch_namespaced_lease("l", "n", {}),
    "exec": lambda api: api.core.connect_get_namespaced_pod_exec("p", "n", command=["sh"]),
    "attach": lambda api: api.core.connect_get_namespaced_pod_attach("p", "n"),
    "port forward": lambda api: api.core.connect_get_namespaced_pod_portforward("p", "n"),
    "proxy of a pod": lambda api: api.pod_get("n", "p", "/quit"),
    "proxy of a node": lambda api: api.get_raw("/api/v1/nodes/w1/proxy/run/n/p/c?cmd=sh"),
    "proxy of a service": lambda api: api.get_raw("/api/v1/namespaces/n/services/s/proxy/"),
}


@pytest.mark.parametrize("name", list(WRITES))
def test_whatever_could_change_something_is_refused_and_never_sent(
    api: ReadOnlyApi, served: Any, name: str
) -> None:
    with pytest.raises(WouldTouch, match="the API would be asked to"):
        WRITES[name](api)
    assert served.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "get"])
def test_every_method_but_get_is_refused(api: ReadOnlyApi, served: Any, method: str) -> None:
    with pytest.raises(WouldTouch):
        api.client.call_api(method, f"{served.url}/api/v1/nodes")
    assert served.asked == []


def test_reads_go_through_also_towards_one_server(api: ReadOnlyApi, served: Any) -> None:
    configz = "/api/v1/nodes/w1/proxy/configz"
    monitor = "/api/v1/namespaces/n/pods/queue-0:8222/proxy/jsz?streams=1"
    served.answers.update(
        {
            "/api/v1/nodes": {"kind": "NodeList", "items": []},
            configz: {"kubeletconfig": {}},
            monitor: {"streams": 1},
        }
    )
    assert api.nodes() == []
    assert api.get_json(configz) == {"kubeletconfig": {}}
    assert api.pod_get("n", "queue-0", "/jsz?streams=1", 8222) == '{"streams": 1}'
    with api.at("cp1", served.url) as one:
        assert one.nodes() == []
        with pytest.raises(WouldTouch):
            one.cordon("w1")
    assert {method for method, _ in served.asked} == {"GET"}


def test_metadata_is_read_page_by_page(api: ReadOnlyApi, served: Any) -> None:
    first = {"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a"}}]}
    served.answers["/apis/g/v1/none?limit=500"] = {
        "metadata": {},
        "items": None,
    }  # how an API server writes an empty list
    assert api.metadata("/apis/g/v1/none") == []
    second = {"metadata": {}, "items": [{"metadata": {"name": "b"}}]}
    served.answers.update(
        {"/apis/g/v1/things?limit=500": first, "/apis/g/v1/things?limit=500&continue=next": second}
    )
    assert [item["name"] for item in api.metadata("/apis/g/v1/things")] == ["a", "b"]


def test_one_api_server_tells_its_version_and_metrics(api: ReadOnlyApi, served: Any) -> None:
    names = [
        "major",
        "minor",
        "gitCommit",
        "gitTreeState",
        "buildDate",
        "goVersion",
        "compiler",
        "platform",
    ]
    served.answers["/version/"] = {**dict.fromkeys(names, ""), "gitVersion": "v1.35.4"}
    served.answers["/metrics"] = (
        'apiserver_requested_deprecated_apis{group="",removed_release="",'
        'resource="endpoints",version="v1"} 1\n'
    )
    server = read_server(api)
    assert server.version == "v1.35.4"
    assert [item.resource for item in server.deprecated] == ["endpoints"]


def test_uses_are_looked_for_by_the_preferred_version_and_only_where_another_is_served(
    api: ReadOnlyApi, served: Any
) -> None:
    def group(name: str, *versions: str) -> dict[str, Any]:
        entries = [{"groupVersion": f"{name}/{version}"} for version in versions]
        return {"name": name, "preferredVersion": entries[0], "versions": entries}

    resources = [
        {"name": "flowschemas", "verbs": ["list"]},
        {"name": "flowschemas/status", "verbs": ["get"]},
    ]
    written = {
        "name": "batch",
        "managedFields": [{"apiVersion": f"{FLOW}/v1beta3", "manager": "helm", "time": "t"}],
    }
    served.answers.update(
        {
            "/apis": {
                "groups": [
                    group("apps", "v1"),
                    group("autoscaling", "v2", "v1"),
                    group(FLOW, "v1", "v1beta3"),
                ]
            },
            f"/apis/{FLOW}/v1": {"resources": resources},
            f"/apis/{FLOW}/v1/flowschemas?limit=500": {
                "metadata": {},
                "items": [{"metadata": written}],
            },
        }
    )
    (use,) = read_uses(api, [DeprecatedApi(FLOW, "v1beta3", "flowschemas", "1.32")])
    assert (use.group_version, use.manager, use.name) == (f"{FLOW}/v1beta3", "helm", "batch")
    assert [path for _, path in served.asked] == [
        "/apis",
        f"/apis/{FLOW}/v1",
        f"/apis/{FLOW}/v1/flowschemas?limit=500",
    ]
