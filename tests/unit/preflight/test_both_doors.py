"""Preflight and the harness judge an inventory alike, in the same words."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from preflight_inventories import behind_balancer, inventory

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.collection_variables import (
    COLLECTION,
    known_variables,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_settings import RULES
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
    # What roles or programs on nodes would refuse late, or what would do harm in silence:
    {"ansible_become": "nope"},
    {"api_endpoint_node_ports": "32767-30000"},
    {"api_endpoint_router_id": 256},
    {"backup_keep": 0},
    {"backup_keep": "x"},
    {"cluster_accept_even_control_planes": "perhaps"},
    {"cluster_api_port": 22},
    {"cluster_api_port": 10248},
    {"cluster_api_port": 30443},
    {"cluster_bundles_dir": "/opt"},
    {"cluster_bundles_dir": "/var/lib"},
    {"cluster_bundles_dir": "/usr/local/bin"},
    {"cluster_bundles_dir": "bundles"},
    {"cluster_bundles_dir": "/srv/../etc/x"},
    {"cluster_kubernetes_version": "1.35.04"},
    {"cluster_other_groups": ["workers"]},
    {"cluster_other_groups": [["bastion"]]},
    {"cluster_pod_network": "127.0.0.0/8"},
    {"cluster_pod_network": "169.254.0.0/16"},
    {"cluster_service_network": "224.0.0.0/12"},
    {"containerd_no_proxy": ["10.0.0.0/8 lab"]},
    {"containerd_no_proxy": ["10.0.0.0/8,lab"]},
    {"containerd_proxy": "proxy.lab:3128"},
    {"containerd_proxy": "ftp://proxy.lab"},
    {"containerd_proxy": "http://proxy.lab\nEnvironment=x"},
    {"containerd_proxy": ["http://proxy.lab"]},
    {"control_plane_api_port": 10250},
    {"control_plane_api_port": 70000},
    {"control_plane_extra_names": ["https://api.lab"]},
    {"control_plane_join_token_ttl": "soon"},
    {"control_plane_join_token_ttl": "0s"},
    {"control_plane_shutdown_delay": 3},
    {"control_plane_takes_pods": 5},
    {"drain_timeout": 0},
    {"drain_timeout": -5},
    {"drain_timeout": True},
    {"drain_timeout": [180]},
    {"etcd_snapshot_keep": 0},
    {"host_eviction_hard": {"memory.free": "100Mi"}},
    {"host_eviction_hard": {"memory.available": "little"}},
    {"host_eviction_hard": ["memory.available"]},
    {"host_resolvers": ["dns.lab"]},
    {"host_resolvers": ["127.0.0.53"]},
    {"host_resolvers": [53]},
    {"host_sysctls": {"net.ipv4.ip_forward": 0}},
    {"host_sysctls": {"net.ipv4.ip_forward = 0\nvm.x": 1}},
    {"host_sysctls": {"vm.max_map_count": "1\n2"}},
    {"network_backend": "wireguard"},
    {"network_policy_engine": "calico"},
    {"preflight_accepted_files": ["10-mine.conf"]},
    {"preflight_architecture": "x86_64"},
    {"preflight_kernel": "newest"},
    {"preflight_memory_mib_worker": -1},
    {"worker_labels": {"node-role.kubernetes.io/worker": ""}},
    {"worker_labels": {"rack no": "1"}},
    {"worker_labels": {"rack": "a b"}},
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
    {"ansible_host": "x" * 64 + ".lab"},
    {"ansible_host": "cp2..lab"},
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
    {"cluster_node_address": "fd00::21"},
    {"drills_allowed": [1]},
    {"power_off": "cut"},
    {"power_off": ["cut"], "power_on": " "},
    {"power_off": None, "power_on": True},
    {"power_pause": "pause"},
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


@pytest.mark.parametrize(
    "address",
    [None, "api.example", "10.0.0.20", "192.0.2.8", "127.0.0.1", "0.0.0.0", "10.96.0.1"],
)
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


def test_a_setting_of_which_a_cluster_has_one(inventory_rules: ModuleType) -> None:
    for setting, values in (
        ("cluster_name", ("lab", "prod")),
        ("network_backend", ("vxlan", "host-gw")),
        ("control_plane_api_port", (6443, 7443)),
    ):
        groups, hosts = inventory(**{setting: values[0]})
        hosts["cp2"][setting] = values[1]
        compare(inventory_rules, groups, hosts)
        where = f"{values[0]} on cp1, cp3, w1, w2; {values[1]} on cp2"
        assert (
            f"{setting} differs ({where}): set it once, for group cluster"
            in harness_mistakes(groups, hosts)
        )  # fmt: skip


GOOD_SETTINGS = {
    "ansible_become": "yes",
    "api_endpoint_node_ports": "",
    "cluster_bundles_dir": "/srv/bundles",
    "cluster_other_groups": ["bastion"],
    "containerd_no_proxy": [".lab", "10.0.0.0/8"],
    "containerd_proxy": "http://me:pass%20word@proxy.lab:3128",
    "control_plane_extra_names": ["api.lab", "*.api.lab", "192.0.2.7"],
    "control_plane_join_token_ttl": "1h30m",
    "drain_timeout": "{{ mine }}",
    "etcd_snapshot_keep": "3",
    "host_eviction_hard": {"memory.available": "5%", "nodefs.available": "1.5Gi"},
    "host_resolvers": ["10.9.0.53", "fd00::53"],
    "host_sysctls": {"net.ipv4.ip_forward": 1, "net/core/somaxconn": "4096"},
    "preflight_api_wait": 0,
    "worker_labels": {"rack": "a1", "lab.example/zone": "", "topology.kubernetes.io/zone": "b"},
}


def test_what_settings_may_be(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory(**GOOD_SETTINGS)
    assert inventory_rules.filtered_mistakes(groups, hosts, (), known_variables()) == []


def test_a_proxy_s_password_is_not_repeated(inventory_rules: ModuleType) -> None:
    for proxy in ("http//me:hunter2@proxy.lab", {"__ansible_vault": "hunter2"}):
        groups, hosts = inventory(containerd_proxy=proxy)
        mistakes = inventory_rules.filtered_mistakes(groups, hosts, (), known_variables())
        assert len(mistakes) == isinstance(proxy, str)
        assert "hunter2" not in "".join(mistakes)


def test_each_rule_is_of_a_setting_and_knows_its_choices() -> None:
    known = {**known_variables(), "ansible_become": ""}
    assert set(RULES) <= set(known)
    for path in COLLECTION.glob("roles/*/meta/argument_specs.yml"):
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        options = {k: v for entry in entries for k, v in (entry.get("options") or {}).items()}
        for name, option in options.items():
            default = option.get("default")
            if name in RULES and default is not None:
                assert RULES[name].accepts(default), name
            if name in RULES and "choices" in option:
                assert RULES[name].expected == f"one of {', '.join(option['choices'])}"
