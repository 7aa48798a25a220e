"""The agents of the acceptance suite.

Small pods that tell what they see (pod_agent.py), asked through the API server.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.cluster.objects import pod_is_ready

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi

AGENT_IMAGE = "docker.io/kubedrill/python:v1"
AGENT_PORT = 8080


def agent_pod(
    name: str, *, volumes: list[Any] | None = None, mounts: list[Any] | None = None
) -> dict[str, Any]:
    """The pod template of the agent."""

    def field(path: str) -> dict[str, Any]:
        return {"fieldRef": {"fieldPath": path}}

    container = {
        "name": "agent",
        "image": AGENT_IMAGE,
        "imagePullPolicy": "Never",
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

    def ask(self, pod: Any, path: str, /, **query: str) -> Any:
        """What one agent answers; its own errors come back as ApiException 422 with the reason."""
        target = f"{path}?{urlencode(query)}" if query else path
        return json.loads(self.api.pod_get(self.namespace, pod.metadata.name, target, AGENT_PORT))
