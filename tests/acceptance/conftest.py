"""Fixtures of the acceptance suite. What it puts on the cluster goes into one namespace, which it removes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from harness.cluster.objects import pod_is_ready
from harness.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.cluster.api import ClusterApi

NAMESPACE = "kubedrill-acceptance"
AGENT_IMAGE = "docker.io/kubedrill/python:v1"
AGENT_PORT = 8080
ORDER = ("node", "cluster", "app", "drill")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """From the ground up: nodes, then the cluster, the app, and what breaks things last."""

    def rank(item: pytest.Item) -> int:
        return next((i for i, mark in enumerate(ORDER) if item.get_closest_marker(mark)), len(ORDER))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def version(pytestconfig: pytest.Config, inventory: Any) -> str:
    """The Kubernetes version that the cluster should have, with a leading v."""
    asked = pytestconfig.getoption("--kubernetes-version") or inventory.kubernetes_version
    return "v" + str(asked).removeprefix("v")


@pytest.fixture(scope="session")
def namespace(api: ClusterApi) -> Iterator[str]:
    """The suite's own namespace; one that a killed run left behind is removed first."""
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}]
    api.delete(made)
    api.wait_namespace_gone(NAMESPACE)
    api.apply(made)
    yield NAMESPACE
    api.delete(made)
    api.wait_namespace_gone(NAMESPACE)


def agent_pod(name: str, *, volumes: list[Any] | None = None, mounts: list[Any] | None = None) -> dict[str, Any]:
    """The pod template of the agent."""

    def field(path: str) -> dict[str, Any]:
        return {"fieldRef": {"fieldPath": path}}

    container = {
        "name": "agent",
        "image": AGENT_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "/agent/agent.py"],
        "env": [
            {"name": "POD_NAME", "valueFrom": field("metadata.name")},
            {"name": "NODE_NAME", "valueFrom": field("spec.nodeName")},
        ],
        "ports": [{"containerPort": AGENT_PORT}],
        "readinessProbe": {"httpGet": {"path": "/id", "port": AGENT_PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "volumeMounts": [{"name": "agent", "mountPath": "/agent"}, *(mounts or [])],
    }
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 1,
            "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
            "volumes": [{"name": "agent", "configMap": {"name": "agent"}}, *(volumes or [])],
        },
    }


def wait_complete(api: ClusterApi, kind: str, namespace: str, name: str) -> None:
    """Wait for a rollout; when it does not come, fail with what Kubernetes says of it."""
    try:
        api.wait_rollout(kind, namespace, name)
    except DeadlineExceeded as error:
        events = [
            f"{e.involved_object.kind} {e.involved_object.name}: {e.reason}: {e.message}"
            for e in api.events(namespace)
            if e.type == "Warning" or e.involved_object.kind == "PersistentVolumeClaim"
        ]
        pytest.fail("\n".join([str(error), *events[-10:]]))


class Agents:
    """The agents on the nodes, asked through the API server."""

    def __init__(self, api: ClusterApi, namespace: str) -> None:
        self.api, self.namespace = api, namespace

    def pods(self, name: str = "agent") -> list[Any]:
        return [pod for pod in self.api.pods(self.namespace, f"app={name}") if pod_is_ready(pod)]

    def ask(self, pod: Any, path: str, **query: str) -> Any:
        """What one agent answers; its own errors come back as ApiException 422 with the reason."""
        target = f"{path}?{urlencode(query)}" if query else path
        return json.loads(self.api.pod_get(self.namespace, pod.metadata.name, target, AGENT_PORT))


@pytest.fixture(scope="session")
def agent_code(api: ClusterApi, namespace: str) -> None:
    code = Path(__file__).with_name("agent.py").read_text(encoding="utf-8")
    meta = {"name": "agent", "namespace": namespace}
    api.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"agent.py": code}}])


@pytest.fixture(scope="session")
def agents(api: ClusterApi, namespace: str, agent_code: None) -> Agents:  # noqa: ARG001 - its order matters
    """One agent on every node, behind a Service with a node port."""
    meta = {"name": "agent", "namespace": namespace}
    labels = {"app": "agent"}
    api.apply(
        [
            {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": meta,
                "spec": {"selector": {"matchLabels": labels}, "template": agent_pod("agent")},
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": meta,
                "spec": {"type": "NodePort", "selector": labels, "ports": [{"port": 80, "targetPort": AGENT_PORT}]},
            },
        ]
    )
    wait_complete(api, "DaemonSet", namespace, "agent")
    return Agents(api, namespace)
