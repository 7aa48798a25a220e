"""A cluster behind a balancer outside of it.

What the harness reads, and which mistakes it tells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubedrill.base.errors import ConfigErrors, StepFailed
from kubedrill.cluster.balancers import node_ports_apart, parse_haproxy, read_endpoint
from kubedrill.cluster.health import vip_problems
from kubedrill.cluster.hosts import CommandResult
from kubedrill.cluster.inventory import Inventory, build_inventory
from kubedrill.cluster.virtual_address import vip_holder, vip_holders
from kubedrill.config import Settings
from kubedrill.runner.facts import host_facts

SHARED = {
    "cluster_kubernetes_version": "1.35.4",
    "cluster_name": "mine",
    "cluster_api_port": 8443,
    "cluster_node_network": "192.0.2.0/24",
    "cluster_pod_network": "10.244.0.0/16",
    "cluster_service_network": "10.96.0.0/12",
}
EXTERNAL = {**SHARED, "cluster_endpoint_kind": "external", "cluster_external_address": "192.0.2.9"}
CONFIGURATION = (
    "backend api-servers\n  default-server inter 250ms fall 4\nbackend nodes\n  "
    "default-server fall 7\n"
)


def listing(
    shared: dict[str, Any], balancers: dict[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    names = ["cp1", "cp2", "cp3", "w1"]
    values = {name: {"ansible_host": f"192.0.2.{20 + i}", **shared} for i, name in enumerate(names)}
    return {
        "_meta": {"hostvars": values | (balancers or {})},
        "all": {"children": ["cluster", "load_balancers"]},
        "cluster": {"children": ["control_planes", "workers"]},
        "control_planes": {"hosts": names[:3]},
        "workers": {"hosts": names[3:]},
        "load_balancers": {"hosts": list(balancers or {})},
    }


def behind(**balancers: dict[str, Any]) -> Inventory:
    return build_inventory(Path("inventories/x"), listing(EXTERNAL, balancers))


class Files:
    """Hosts with one file each; a host that is not here must not be asked."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def read(self, node: str, argv: list[str], *_: Any, **_options: Any) -> CommandResult:
        assert argv[0] == "cat", f"{node} was asked for an address that it cannot have"
        return CommandResult(0, f"{self.texts[node]}# {argv[-1]}\n", "")


def test_the_api_is_at_the_balancer_which_is_no_node() -> None:
    result = behind(lb1={"ansible_host": "192.0.2.9"})
    assert (result.external, result.api_url) == (True, "https://192.0.2.9:8443")
    assert [node.name for node in result.nodes] == ["cp1", "cp2", "cp3", "w1"]
    assert result.node("lb1").roles == ("load_balancer",)


def test_nobody_holds_an_address_and_that_is_healthy() -> None:
    inventory, hosts = behind(), Files()
    assert vip_holders(hosts, inventory) == []  # type: ignore[arg-type]
    assert vip_problems([], inventory) == []
    with pytest.raises(StepFailed, match=r"reached through the balancer 192\.0\.2\.9"):
        vip_holder(hosts, inventory)  # type: ignore[arg-type]


def test_timers_are_read_where_the_balancer_runs() -> None:
    files: Any = Files(lb1=CONFIGURATION)
    result = read_endpoint(files, behind(lb1={"ansible_host": "192.0.2.9"}))
    assert (result.keepalived, result.check, result.where) == ({}, "", "haproxy.cfg of lb1")
    api, ports = node_ports_apart(result.haproxy)
    assert parse_haproxy(api) == {"inter": 0.25, "fall": 4}
    assert parse_haproxy(ports) == {"fall": 7}


def test_a_balancer_of_the_user_s_own_cannot_be_read_and_that_is_said() -> None:
    files: Any = Files()
    result = read_endpoint(files, behind())
    assert result.haproxy == ""
    assert "not in the inventory" in result.where


def test_a_virtual_address_is_read_on_every_control_plane(make_inventory: Any) -> None:
    files: Any = Files(cp1="one", cp2="two", cp3="three")
    result = read_endpoint(files, make_inventory())
    assert list(result.keepalived) == ["cp1", "cp2", "cp3"]
    assert result.check.startswith("one# /etc/keepalived/")
    assert result.haproxy.startswith("one# /etc/haproxy/")


@pytest.mark.parametrize(
    ("shared", "balancers", "expected"),
    [
        (
            {"cluster_endpoint_kind": "magic"},
            {},
            ["cluster_endpoint_kind is 'magic': expected virtual_address or ex"],
        ),
        ({"cluster_external_address": ""}, {}, ["cluster_external_address is not set"]),
        (
            {"cluster_external_address": "name"},
            {},
            ["cluster_external_address is 'name', not an IP address"],
        ),
        (
            {"cluster_external_address": "192.0.2.20"},
            {},
            ["cluster_external_address 192.0.2.20 is the address of cp1"],
        ),
        (
            {"cluster_virtual_address": "192.0.2.8"},
            {},
            ["cluster_endpoint_kind is external, and cluster_virtual_address is set"],
        ),
        (
            {},
            {"lb1": {"ansible_host": "192.0.2.7"}},
            ["cluster_external_address is 192.0.2.9, lb1 of load_balancers has 192.0.2.7"],
        ),
        ({}, {"lb1": {}}, ["cluster_external_address is 192.0.2.9, lb1 of load_balancers has lb1"]),
        (
            {},
            {
                "lb1": {"ansible_host": "192.0.2.9"},
                "w1": {"ansible_host": "192.0.2.23", **EXTERNAL},
            },
            [
                "host w1 is in load_balancers and in the cluster",
                "load_balancers has 2 hosts (lb1, w1): expected one",
            ],
        ),
        (
            {"cluster_endpoint_kind": "virtual_address", "cluster_virtual_address": "192.0.2.9"},
            {"lb1": {"ansible_host": "192.0.2.9"}},
            [
                "cluster_endpoint_kind is virtual_address, and cluster_external_address is set",
                "group load_balancers has lb1, and cluster_endpoint_kind is",
            ],
        ),
    ],
)
def test_mistakes(
    shared: dict[str, Any], balancers: dict[str, dict[str, Any]], expected: list[str]
) -> None:
    with pytest.raises(ConfigErrors) as caught:
        build_inventory(Path("inventories/x"), listing({**EXTERNAL, **shared}, balancers))
    for words, mistake in zip(expected, caught.value.mistakes, strict=True):
        assert mistake.startswith(words)


def test_a_kind_that_differs_between_hosts_is_told() -> None:
    data = listing(EXTERNAL)
    del data["_meta"]["hostvars"]["w1"]["cluster_endpoint_kind"]
    with pytest.raises(ConfigErrors, match="cluster_endpoint_kind differs between hosts"):
        build_inventory(Path("inventories/x"), data)


def test_the_history_keeps_both_topologies_apart(make_inventory: Any) -> None:
    assert host_facts(make_inventory(), Settings())["labels"]["topology"] == "3+2"
    assert host_facts(behind(), Settings())["labels"]["topology"] == "3+1+lb"
