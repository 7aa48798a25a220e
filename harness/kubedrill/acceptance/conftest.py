"""Fixtures of the acceptance suite.

What it puts on the cluster goes into one namespace, which it removes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.acceptance.agents import AGENT_PORT, Agents, agent_pod, wait_complete
from kubedrill.acceptance.fixtures import *  # noqa: F403 - fixtures
from kubedrill.orders.service import OrderService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.config import Settings
    from kubedrill.orders.status import OrdersStatus

NAMESPACE = "kubedrill-acceptance"
ORDER = ("node", "cluster", "app", "drill")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the CIS Benchmark's controls out where ``-m`` does not ask for them."""
    asked = re.search(r"\bcis\b", config.getoption("-m") or "")
    return True if collection_path.name == "test_cis.py" and not asked else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """From the ground up: nodes, then the cluster, the app, and what breaks things last."""

    def rank(item: pytest.Item) -> int:
        return next(
            (i for i, mark in enumerate(ORDER) if item.get_closest_marker(mark)), len(ORDER)
        )

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
    api.remove_namespace(NAMESPACE)
    api.apply(made)
    yield NAMESPACE
    api.remove_namespace(NAMESPACE)


@pytest.fixture(scope="session")
def agent_code(api: ClusterApi, namespace: str) -> None:
    code = Path(__file__).with_name("pod_agent.py").read_text(encoding="utf-8")
    meta = {"name": "agent", "namespace": namespace}
    api.apply(
        [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"agent.py": code}}]
    )


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
                "spec": {
                    "type": "NodePort",
                    "selector": labels,
                    "ports": [{"port": 80, "targetPort": AGENT_PORT}],
                },
            },
        ]
    )
    wait_complete(api, "DaemonSet", namespace, "agent")
    return Agents(api, namespace)


@pytest.fixture(scope="module")
def status(api: ClusterApi, settings: Settings) -> OrdersStatus:
    status = OrderService(api, settings).status()
    if status is None:
        pytest.skip("the order service is not deployed here: kubedrill app deploy")
    return status


@pytest.fixture(scope="module")
def complete(status: OrdersStatus) -> None:
    assert status.problem == ""
