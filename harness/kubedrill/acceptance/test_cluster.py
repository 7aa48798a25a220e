"""The cluster as a whole: versions, control plane, etcd, virtual address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster import etcd
from kubedrill.cluster.health import STATIC_PODS, find_problems
from kubedrill.cluster.timers import LiveTimers

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

pytestmark = pytest.mark.cluster


def test_the_cluster_is_healthy(api: ClusterApi, hosts: Hosts, inventory: Inventory) -> None:
    def problems() -> bool | Waiting:
        result = find_problems(api, hosts, inventory)
        return Waiting("; ".join(result)) if result else True

    seconds = api.settings.timeouts.steady
    assert wait_for("the cluster to be healthy", problems, seconds=seconds, setting="steady")


def test_every_node_of_the_inventory_is_registered_at_the_asked_version(
    api: ClusterApi, inventory: Inventory, version: str
) -> None:
    result = {node.metadata.name: node.status.node_info.kubelet_version for node in api.nodes()}
    assert result == {node.name: version for node in inventory.nodes}


def test_kube_proxy_and_the_control_plane_have_the_asked_version(
    api: ClusterApi, inventory: Inventory, version: str
) -> None:
    for node in inventory.control_planes:
        for part in STATIC_PODS[1:]:
            pod = api.core.read_namespaced_pod(f"{part}-{node.name}", "kube-system")
            assert pod.spec.containers[0].image.endswith(f":{version}"), f"{part} on {node.name}"
    proxy = api.apps.read_namespaced_daemon_set("kube-proxy", "kube-system")
    assert proxy.spec.template.spec.containers[0].image.endswith(f":{version}")


def test_the_api_server_behind_the_virtual_address_has_the_asked_version(
    api: ClusterApi, version: str
) -> None:
    assert api.version.get_code().git_version == version


def test_nodes_use_the_addresses_of_the_inventory(api: ClusterApi, inventory: Inventory) -> None:
    for node in api.nodes():
        result = [
            address.address for address in node.status.addresses if address.type == "InternalIP"
        ]
        assert result == [inventory.node(node.metadata.name).address]


def test_workers_take_pods_and_control_planes_do_not(api: ClusterApi, inventory: Inventory) -> None:
    for node in api.nodes():
        taints = {taint.key for taint in node.spec.taints or []}
        expected = inventory.node(node.metadata.name).is_control_plane and bool(inventory.workers)
        assert ("node-role.kubernetes.io/control-plane" in taints) == expected, node.metadata.name


def test_etcd_is_one_cluster_of_all_control_planes(api: ClusterApi, inventory: Inventory) -> None:
    members = api.etcd_members()
    assert etcd.problems(members) == []
    assert {member.node for member in members} == {node.name for node in inventory.control_planes}
    assert sum(member.leads for member in members) == 1
    assert len({member.version for member in members}) == 1


def test_the_virtual_address_is_held_by_exactly_one_control_plane(
    api: ClusterApi, inventory: Inventory
) -> None:
    if inventory.external:
        pytest.skip("a balancer outside the cluster has the API's address")
    assert api.vip_holder() in {node.name for node in inventory.control_planes}


def test_every_check_of_the_api_passes_through_the_virtual_address(api: ClusterApi) -> None:
    report = api.get_raw("/readyz?verbose").splitlines()
    assert [line for line in report if line.startswith("[-]")] == []
    assert report[-1] == "readyz check passed"


def test_the_api_refuses_strangers(api: ClusterApi, inventory: Inventory) -> None:
    from kubernetes import client  # noqa: PLC0415 - only here

    from kubedrill.cluster.api_client import DeadlineApiClient  # noqa: PLC0415

    configuration = client.Configuration(host=inventory.api_url)
    configuration.ssl_ca_cert = str(api.client_cert_files()[0])
    with pytest.raises(client.ApiException) as caught:
        client.CoreV1Api(DeadlineApiClient(configuration, 10)).list_namespaced_secret("kube-system")
    assert caught.value.status in (401, 403)


def test_dns_does_not_stand_on_one_node(api: ClusterApi, inventory: Inventory) -> None:
    pods = api.pods("kube-system", "k8s-app=kube-dns")
    assert len(pods) >= 2
    assert len({pod.spec.node_name for pod in pods}) >= min(2, len(inventory.nodes))


def test_the_timers_that_predictions_use_can_be_read(
    api: ClusterApi, hosts: Hosts, inventory: Inventory
) -> None:
    timers = LiveTimers.read(api, hosts, inventory)
    assert 10 <= timers.node_loss_s <= 600
    assert timers.balancer_notices_s > 0
    if (
        len(inventory.control_planes) > 1
    ):  # a single API server is given time: there is no other one to send clients to
        assert timers.balancer_notices_s <= 30
    if inventory.external:
        return
    assert set(timers.vrrp_priority) == {node.name for node in inventory.control_planes}
    holder = api.vip_holder()
    assert 0 < timers.vrrp_takeover_s(holder) <= 2, "the virtual address must move within 2 s"


def test_no_pod_restarts_over_and_over(api: ClusterApi) -> None:
    crashing = [
        f"{pod.metadata.namespace}/{pod.metadata.name}: {status.state.waiting.reason}"
        for pod in api.pods()
        for status in pod.status.container_statuses or []
        if status.state.waiting is not None
        and status.state.waiting.reason in ("CrashLoopBackOff", "ImagePullBackOff")
    ]
    assert crashing == []


def test_each_pod_got_its_address_from_the_pod_network(
    api: ClusterApi, inventory: Inventory
) -> None:
    import ipaddress  # noqa: PLC0415 - only here

    networks = [
        ipaddress.ip_network(n) for n in str(inventory.vars["cluster_pod_network"]).split(",")
    ]
    strays: list[Any] = [
        pod.metadata.name
        for pod in api.pods()
        if not pod.spec.host_network
        and pod.status.pod_ip
        and not any(ipaddress.ip_address(pod.status.pod_ip) in network for network in networks)
    ]
    assert strays == []
