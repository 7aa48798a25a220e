"""Preflight and the harness judge an inventory alike, in the same words."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from preflight_inventories import behind_balancer, inventory

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.collection_variables import (
    known_variables,
)
from kubedrill.base.errors import ConfigErrors
from kubedrill.cluster.inventory import build_inventory

if TYPE_CHECKING:
    from types import ModuleType

BAD_SETTINGS = [
    {"ansible_connection": "local"},
    {"ansible_connection": "community.docker.docker"},
    {"cluster_api_port": "http"},
    {"cluster_api_port": 0},
    {"cluster_api_port": 6443},
    {"cluster_api_port": 70000},
    {"cluster_api_port": True},
    {"cluster_kubernetes_version": "latest"},
    {"cluster_kubernetes_version": "v1.35.4"},
    {"cluster_kubernetes_version": None},
    {"cluster_endpoint_kind": "magic"},
    {"cluster_endpoint_kind": "external"},
    {"cluster_name": "../lab"},
    {"cluster_name": "a\nb"},
    {"cluster_name": "x" * 101},
    {"cluster_node_network": "10.9.0.0/24"},
    {"cluster_node_network": "many"},
    {"cluster_pod_network": "10.244.0.0/22"},
    {"cluster_pod_network": "10.97.0.0/16"},
    {"cluster_service_network": "10.96.0.0/29"},
    {"cluster_service_network": "fd00::/112"},
    {"cluster_virtual_address": "10.0.0.0"},
    {"cluster_virtual_address": "10.0.0.255"},
    {"cluster_virtual_address": "vip"},
    {"cluster_virtual_address": "10.0.0.20"},
    {"cluster_virtual_address": "10.9.0.10"},
    {"cluster_virtual_adress": "10.0.0.10"},
    {"cluster_other_groups": "bastion"},
    {"control_plane_lease_duration": "15s"},
    {"control_plane_takes_pods": "never"},
    {"drills_allowed": "maybe"},
    {"power_of": "ipmitool off"},
]
BAD_VARIABLES_OF_ONE_HOST = [
    {"ansible_connection": ""},
    {"ansible_connection": "paramiko"},
    {"ansible_connection": "winrm"},
    {"ansible_connection": ["ssh"]},
    {"ansible_connection": None},
    {"ansible_host": "10.0.0.21\nProxyCommand x"},
    {"ansible_host": "10.0.0.20"},
    {"ansible_host": "10.0.0.255"},
    {"ansible_host": "10.0.0.21:22"},
    {"ansible_host": "10.0.0.256"},
    {"ansible_host": ["10.0.0.21"]},
    {"ansible_host": "x" * 254},
    {"ansible_port": 99999},
    {"ansible_port": "abc"},
    {"ansible_port": "\uff12\uff12"},
    {"ansible_user": "me\x07"},
    {"ansible_user": "-oProxyCommand=x"},
    {"ansible_user": ["me"]},
    {"cluster_api_port": 9443},
    {"cluster_endpoint_kind": "external"},
    {"cluster_node_address": "cp2.lab"},
    {"cluster_node_address": "10.9.0.5"},
    {"cluster_node_address": "10.0.0.20"},
    {"cluster_node_address": ["10.0.0.21"]},
    {"drills_allowed": [1]},
    {"power_off": "cut"},
    {"power_off": ["cut"], "power_on": " "},
    {"power_off": None, "power_on": True},
    {"worker_labels": "rack=a"},
]
BAD_GROUPS: list[dict[str, list[str]]] = [
    {"control_planes": []},
    {"control_planes": ["cp1", "cp2"], "workers": ["cp3", "w1", "w2"]},
    {"workers": ["w1", "w2", "cp1"]},
    {"cluster": ["cp1", "cp2", "cp3"]},
    {"cluster": ["cp1", "cp2", "cp3", "w1", "w2", "x1"]},
    {"nodes": ["y1"]},
    {"bastion": ["y1"], "nodes": ["y2"]},
    {"nodes": ["y1"], "more": ["y1"]},
    {"ungrouped": ["y1"]},
    {"load_balancers": ["-oProxyCommand=x"]},
    {"load_balancers": ["w1", "lb2"]},
]


def harness_mistakes(groups: dict[str, list[str]], hosts: dict[str, Any]) -> list[str]:
    listing: dict[str, Any] = {group: {"hosts": names} for group, names in groups.items()}
    listing["_meta"] = {"hostvars": deepcopy(hosts)}
    try:
        build_inventory(Path("inventories/x"), listing, ["w1"])
    except ConfigErrors as error:
        return error.mistakes
    return []


def compare(rules: ModuleType, groups: dict[str, list[str]], hosts: dict[str, Any]) -> None:
    """Both doors name the same mistakes: one at least beside the host that is defined twice."""
    groups["all"] = list(dict.fromkeys(name for names in groups.values() for name in names))
    for name in groups["all"]:
        hosts.setdefault(name, {"ansible_host": "192.0.2.99"})
    known = known_variables()
    expected = rules.filtered_mistakes(groups, deepcopy(hosts), ["w1"], known)
    assert "host w1 is defined twice: give each node its own name" in expected
    assert len(expected) > 1
    assert harness_mistakes(groups, hosts) == expected


@pytest.mark.parametrize("shared", BAD_SETTINGS)
def test_a_bad_setting(inventory_rules: ModuleType, shared: dict[str, Any]) -> None:
    compare(inventory_rules, *inventory(**shared))


@pytest.mark.parametrize("variables", BAD_VARIABLES_OF_ONE_HOST)
def test_bad_variables_of_one_host(inventory_rules: ModuleType, variables: dict[str, Any]) -> None:
    groups, hosts = inventory()
    hosts["cp2"].update(variables)
    compare(inventory_rules, groups, hosts)


@pytest.mark.parametrize("changed", BAD_GROUPS)
def test_bad_groups(inventory_rules: ModuleType, changed: dict[str, list[str]]) -> None:
    groups, hosts = inventory()
    compare(inventory_rules, {**groups, **changed}, hosts)


@pytest.mark.parametrize("name", ["Node_1", "../a", "a\nb", "-o", "a..b", "a" * 64])
def test_a_bad_name(inventory_rules: ModuleType, name: str) -> None:
    groups, hosts = inventory(1, 1)
    groups["workers"], hosts[name] = [name], hosts.pop("w1")
    groups["cluster"] = ["cp1", name]
    compare(inventory_rules, groups, hosts)


@pytest.mark.parametrize("address", [None, "api.example", "10.0.0.20", "192.0.2.8"])
def test_a_bad_address_of_a_balancer(inventory_rules: ModuleType, address: str | None) -> None:
    compare(inventory_rules, *behind_balancer(cluster_external_address=address))


def test_the_kind_of_a_value_is_in_a_user_s_words(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory()
    hosts["cp1"].update(power_off=None, power_on=5, power_pause=True, power_resume={})
    text = "; ".join(inventory_rules.filtered_mistakes(groups, hosts))
    for setting, kind in (("off", "empty"), ("on", "a number"), ("pause", "true"),
                          ("resume", "a mapping")):  # fmt: skip
        assert f"power_{setting} of cp1 is {kind}: expected a shell command as text" in text


def test_a_huge_value_leaves_room_for_the_remedy(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory(cluster_kubernetes_version={"x": "y" * 5000})
    compare(inventory_rules, groups, hosts)
    [mistake] = [each for each in harness_mistakes(groups, hosts) if "yyy" in each]
    assert len(mistake) < 1000
    assert mistake.startswith("cluster_kubernetes_version is ")
    assert mistake.endswith("expected a full version such as 1.35.4")


def test_all_mistakes_at_once(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory(2, 1, **{**BAD_SETTINGS[0], **BAD_SETTINGS[5], **BAD_SETTINGS[10]})
    hosts["cp2"].update(BAD_VARIABLES_OF_ONE_HOST[3])
    compare(inventory_rules, groups, hosts)
    assert len(harness_mistakes(groups, hosts)) == 6


def test_a_good_inventory_is_good_at_both(inventory_rules: ModuleType) -> None:
    for groups, hosts in (inventory(), behind_balancer(), behind_balancer(())):
        assert inventory_rules.filtered_mistakes(groups, hosts) == []
        twice = ["host w1 is defined twice: give each node its own name"]
        assert harness_mistakes(groups, hosts) == twice
