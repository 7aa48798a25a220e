"""The order service's NetworkPolicies.

Flows that they must let through, and flows that an engine must stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from kubernetes.client import ApiException, NetworkingV1Api
from kubernetes.stream import stream

from kubedrill.acceptance.orders import ready_pods
from kubedrill.orders.manifests import NAMESPACE

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory

pytestmark = [pytest.mark.app, pytest.mark.usefixtures("complete")]

ENFORCERS = {
    "calico-node",
    "canal",
    "cilium",
    "antrea-agent",
    "kube-router",
    "kube-network-policies",
    "weave-net",
}
"""DaemonSets of the engines that people use, by the names that their own manifests give them."""

OUTSIDE, NAMES = "a pod of another namespace", "the cluster's DNS"
CONNECT = (
    "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3); "
    "print('connected')"
)


class Flow(NamedTuple):
    """Who connects to whom; each but OUTSIDE and NAMES is a part of the order service."""

    policy: str
    source: str
    target: str
    port: int

    def __str__(self) -> str:
        return f"{self.policy}: {self.source} to {self.target}:{self.port}"


ALLOWED = [
    Flow("names", "worker", NAMES, 53),
    Flow("web", OUTSIDE, "web", 8080),
    Flow("queue-and-database-of-the-app", "worker", "queue", 4222),
    Flow("cache-of-the-web", "web", "cache", 6379),
    Flow("cache", "web", "cache", 6379),
    Flow("queue", "web", "queue", 4222),
    Flow("database", "worker", "database", 5432),
    Flow("ingress", OUTSIDE, "ingress", 8443),
]
FORBIDDEN = [
    Flow("deny-all", OUTSIDE, "worker", 8080),
    Flow("names", "worker", NAMES, 9153),
    Flow("web", "web", "web", 8080),  # users may, but web itself may not leave for it
    Flow("queue-and-database-of-the-app", "worker", "database", 8008),
    Flow("cache-of-the-web", "worker", "cache", 6379),
    Flow("cache", OUTSIDE, "cache", 6379),
    Flow("queue", OUTSIDE, "queue", 4222),
    Flow("database", OUTSIDE, "database", 5432),
    Flow("ingress", OUTSIDE, "ingress", 8081),
]


@pytest.fixture(scope="module")
def enforced(api: ClusterApi, inventory: Inventory) -> None:
    daemons = {
        daemon.metadata.name for daemon in api.apps.list_daemon_set_for_all_namespaces().items
    }
    asked = inventory.vars.get("network_policy_engine", "none")
    assert asked == "none" or asked in daemons, (
        f"the inventory asks for {asked}, and it does not run"
    )
    if not daemons & ENFORCERS:
        pytest.skip(
            "the pod network enforces no NetworkPolicy: they are a declaration here, "
            "and not proven (network_policy_engine: docs/how-to/install.md)"
        )


def passes(api: ClusterApi, agents: Any, flow: Flow) -> bool:
    """Whether a TCP connection comes about within 3 s."""
    address = _address(api, flow)
    if flow.source == OUTSIDE:
        try:
            return bool(agents.ask(agents.pods()[0], "/connect", host=address, port=str(flow.port)))
        except ApiException as error:
            if error.status != 422:
                raise
            return False
    pod = ready_pods(api, flow.source)[0].metadata.name
    command = ["python3", "-c", CONNECT, address, str(flow.port)]
    call, quiet = (
        api.core.connect_get_namespaced_pod_exec,
        {"stdin": False, "tty": False, "_request_timeout": 30},
    )
    output = stream(call, pod, NAMESPACE, command=command, stdout=True, stderr=True, **quiet)
    assert "connected" in output or "Error" in output, output
    return "connected" in output


def _address(api: ClusterApi, flow: Flow) -> str:
    """The target's address; one of another pod where source and target are the same part."""
    if flow.target == NAMES:
        return str(api.pods("kube-system", "k8s-app=kube-dns")[0].status.pod_ip)
    return str(ready_pods(api, flow.target)[-1].status.pod_ip)


def test_every_policy_has_a_flow_that_passes_or_one_that_must_not(api: ClusterApi) -> None:
    networking: Any = NetworkingV1Api(api.client)
    policies = networking.list_namespaced_network_policy(NAMESPACE).items
    assert {policy.metadata.name for policy in policies} == {
        flow.policy for flow in [*ALLOWED, *FORBIDDEN]
    }


@pytest.mark.parametrize("flow", ALLOWED, ids=str)
def test_what_a_policy_allows_passes(api: ClusterApi, agents: Any, flow: Flow) -> None:
    assert passes(api, agents, flow)


@pytest.mark.usefixtures("enforced")
@pytest.mark.parametrize("flow", FORBIDDEN, ids=str)
def test_what_no_policy_allows_does_not(api: ClusterApi, agents: Any, flow: Flow) -> None:
    assert not passes(api, agents, flow)
