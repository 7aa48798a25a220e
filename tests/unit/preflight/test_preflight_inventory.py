"""Each mistake of an inventory is found, and all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from preflight_inventories import SHARED, behind_balancer, inventory

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def test_a_good_inventory_has_no_mistake(inventory_rules: ModuleType) -> None:
    for planes in (1, 3, 5):
        assert inventory_rules.inventory_mistakes(*inventory(planes)) == []


@pytest.mark.parametrize("plugin", ["ssh", "smart", "ansible.builtin.ssh", "ansible.legacy.ssh"])
def test_connections_by_ssh(inventory_rules: ModuleType, plugin: str) -> None:
    groups, hosts = inventory(ansible_connection=plugin)
    hosts["localhost"] = {"ansible_connection": "local"}
    assert inventory_rules.inventory_mistakes(groups, hosts) == []


def test_other_connections_are_named_with_all_their_hosts(inventory_rules: ModuleType) -> None:
    groups, hosts = behind_balancer()
    for name, plugin in (("cp1", "local"), ("w1", "local"), ("w2", "winrm"), ("lb1", "winrm")):
        hosts[name]["ansible_connection"] = plugin
    first, second = inventory_rules.inventory_mistakes(groups, hosts)
    assert first.startswith("ansible_connection is 'local' (of cp1, w1): expected ssh, or its full")
    assert second.startswith("ansible_connection is 'winrm' (of w2, lb1): expected ssh")


@pytest.mark.parametrize("planes", [2, 4])
def test_an_even_number_of_etcd_members(inventory_rules: ModuleType, planes: int) -> None:
    (mistake,) = inventory_rules.inventory_mistakes(*inventory(planes))
    assert f"{planes} hosts" in mistake
    assert "expected 1, 3 or 5" in mistake
    arithmetic = {
        2: "a majority of 2 is 2, so 0 may be lost; of 1 it is 1",
        4: "a majority of 4 is 3, so 1 may be lost; of 3 it is 2",
    }
    assert arithmetic[planes] in mistake


@pytest.mark.parametrize(("value", "accepted"), [(True, True), ("yes", True), ("false", False)])
def test_an_even_number_that_was_asked_for(
    inventory_rules: ModuleType, value: object, *, accepted: bool
) -> None:
    groups, hosts = inventory(2)
    for host in hosts.values():
        host["cluster_accept_even_control_planes"] = value
    assert (inventory_rules.inventory_mistakes(groups, hosts) == []) == accepted


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        (
            {"cluster_pod_network": "10.97.0.0/16"},
            "cluster_pod_network 10.97.0.0/16 and cluster_service_network",
        ),
        (
            {"cluster_pod_network": "10.0.0.0/16"},
            "cluster_node_network 10.0.0.0/24 and cluster_pod_network 10.0.0.0/16 overlap",
        ),
        ({"cluster_service_network": "10.0.0.0/8"}, "overlap"),
        (
            {"cluster_pod_network": "10.244.0.0/22"},
            (
                "cluster_pod_network 10.244.0.0/22 has room for 4 nodes (each gets a /24), the "
                "inventory has 5: choose a /21 or a larger one"
            ),
        ),
        ({"cluster_pod_network": "10.244.0.0/25"}, "has room for 0 nodes"),
        ({"cluster_service_network": "10.96.0.0/11"}, "Kubernetes takes a /12 to a /28"),
        ({"cluster_service_network": "10.96.0.0/29"}, "has 8 addresses: Kubernetes takes"),
        ({"cluster_pod_network": "fd00::/48"}, "cluster_pod_network fd00::/48 is of IPv6"),
        ({"cluster_api_port": 6443}, "cluster_api_port 6443 is the port of the API server itself"),
        ({"cluster_api_port": 10250}, "cluster_api_port 10250 is the port of the kubelet"),
        ({"cluster_api_port": "https"}, "cluster_api_port is 'https': expected a port"),
        (
            {"cluster_api_port": 8443, "control_plane_api_port": 8443},
            "cluster_api_port 8443 is the port of the API server itself",
        ),
        ({"cluster_pod_network": "many"}, "cluster_pod_network is 'many', not a network"),
        ({"cluster_virtual_address": "10.9.0.10"}, "cluster_virtual_address 10.9.0.10 is outside"),
        ({"cluster_virtual_address": "10.0.0.21"}, "is the address of cp2"),
        ({"cluster_virtual_address": "vip"}, "not an IP address"),
        ({"cluster_kubernetes_version": "1.35"}, "expected a full version"),
        ({"cluster_pod_network": None}, "cluster_pod_network is not set for cp1, cp2, cp3, w1, w2"),
        (
            {"control_plane_lease_duration": 5},
            "control_plane_lease_duration is '5': expected whole seconds, 6 or more",
        ),
        ({"control_plane_lease_duration": "15s"}, "control_plane_lease_duration is '15s'"),
        (
            {"control_plane_encryption_algorithm": "ed25519"},
            "control_plane_encryption_algorithm is 'ed25519': expected one of ECDSA-P256, RSA-2048",
        ),
        (
            {"security_profile": "hardend"},
            "security_profile is 'hardend': expected one of baseline, hardened",
        ),
        (
            {"security_profile": "hardened", "cluster_kubernetes_version": "1.33.9"},
            "security_profile hardened needs Kubernetes 1.34 or newer, not 1.33.9",
        ),
    ],
)
def test_wrong_settings(inventory_rules: ModuleType, shared: dict[str, Any], expected: str) -> None:
    assert any(
        expected in mistake for mistake in inventory_rules.inventory_mistakes(*inventory(**shared))
    )


def test_one_security_profile_for_all_nodes(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory(security_profile="hardened")
    assert inventory_rules.inventory_mistakes(groups, hosts) == []
    hosts["w1"]["security_profile"] = "baseline"
    (mistake,) = inventory_rules.inventory_mistakes(groups, hosts)
    assert mistake == (
        "security_profile differs between hosts ('baseline', 'hardened'): set it once, for group "
        "cluster"
    )


@pytest.mark.parametrize(
    "shared",
    [
        {"cluster_pod_network": "10.244.0.0/21"},
        {"cluster_service_network": "10.96.0.0/28"},
        {"cluster_api_port": 6443, "control_plane_api_port": 7443},
    ],
)
def test_sizes_and_ports_that_just_fit(inventory_rules: ModuleType, shared: dict[str, Any]) -> None:
    assert inventory_rules.inventory_mistakes(*inventory(**shared)) == []
    external = {"cluster_endpoint_kind": "external", "cluster_external_address": "192.0.2.9"}
    groups, hosts = inventory(cluster_virtual_address=None, cluster_api_port=6443, **external)
    assert inventory_rules.inventory_mistakes(groups, hosts) == []


def test_no_control_plane_names_the_groups_that_were_found(inventory_rules: ModuleType) -> None:
    groups = {"all": ["a"], "ungrouped": [], "masters": ["a"]}
    mistakes = inventory_rules.inventory_mistakes(groups, {"a": SHARED})
    assert any(
        "control_planes has no host (other groups found: masters)" in mistake
        for mistake in mistakes
    )


def test_hosts_in_wrong_groups(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory()
    groups["workers"].append("cp1")
    groups["cluster"].append("x1")
    groups["nodes"] = ["y1"]
    hosts |= {"x1": SHARED, "y1": SHARED}
    output = "\n".join(inventory_rules.inventory_mistakes(groups, hosts))
    assert "host cp1 is in control_planes and in workers" in output
    assert "host x1 is in group cluster, but in neither" in output
    assert "host y1 is in group nodes only" in output


def test_hosts_of_other_purposes_are_named_or_refused(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory(cluster_other_groups=["bastion", "nfs", "none"])
    groups |= {"bastion": ["jump"], "nfs": ["disk"], "workrs": ["w3"], "ungrouped": ["stray"]}
    for name in ("jump", "disk", "w3", "stray"):
        hosts[name] = {"ansible_host": f"{name}.example.com"}
        groups["all"] = [*groups["all"], name]
    one, other = inventory_rules.inventory_mistakes(groups, hosts)
    assert one.startswith("host w3 is in group workrs only") or other.startswith("host w3 is in")
    assert "host stray is in no group" in one + other
    assert one.endswith("control_planes or workers, or name its group in cluster_other_groups")


def test_a_node_may_be_managed_at_another_address(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory()
    for number, name in enumerate(hosts):
        hosts[name]["ansible_host"] = "bastion.example.com"
        hosts[name]["ansible_port"] = 2200 + number
        hosts[name]["cluster_node_address"] = f"10.0.0.{30 + number}"
    assert inventory_rules.inventory_mistakes(groups, hosts) == []


def test_duplicate_names_and_addresses(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory()
    hosts["w2"]["ansible_host"] = hosts["cp3"]["ansible_host"]
    output = "\n".join(inventory_rules.inventory_mistakes(groups, hosts, ["w1"]))
    assert "hosts cp3, w2 have the same address 10.0.0.22" in output
    assert "host w1 is defined twice" in output


def test_settings_that_differ_between_hosts(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory()
    hosts["w2"]["cluster_api_port"] = 6443
    (mistake,) = inventory_rules.inventory_mistakes(groups, hosts)
    assert "8443 on cp1, cp2, cp3, w1; 6443 on w2" in mistake


def test_all_mistakes_are_listed_at_once(inventory_rules: ModuleType) -> None:
    mistakes = inventory_rules.inventory_mistakes(
        *inventory(2, cluster_pod_network="10.96.0.0/16", cluster_virtual_address="1.2.3.4")
    )
    assert len(mistakes) == 3
    assert inventory_rules.report(mistakes, "inv").startswith(
        "inv: 3 mistakes, nothing was changed:\n  - "
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.yml", "cluster:\n  hosts:\n    a:\n    b:\n    a:\n", ["a"]),
        ("a.yml", "x:\n  hosts:\n    a:\ny:\n  hosts:\n    a:\n", []),
        ("a.ini", "[x]\nn1 p=1\nn1 p=2\n[y]\nn1\n", ["n1"]),
        ("hosts", "n1\nn1\n", ["n1"]),
        ("a.json", '{"x": {"hosts": {"a": {},\n"a": {}, "b": {}}}}', ["a"]),
        ("a.json", '{"x": {"hosts": {"a": {\n"p": 1},\n"b": {\n"p": 1}}}}', []),
        ("hosts", "#!/usr/bin/env python3\nimport json\nimport sys\n", []),
        ("hosts", '{"x": {\n"hosts": ["a"]\n},\n"y": {\n"hosts": ["a"]\n}}', []),
        ("a.yml", "plugin: x\n\tbad: [", []),
    ],
)
def test_hosts_defined_twice(
    repeated: ModuleType, tmp_path: Path, name: str, text: str, expected: list[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert repeated.repeated_hosts(tmp_path / name) == expected
    assert repeated.repeated_hosts(tmp_path) == expected


def test_a_compiled_inventory_program_is_not_read(repeated: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\x7fELF\xff\xfe\n\xff\n\xff\n")
    assert repeated.repeated_hosts(tmp_path / "hosts") == []
    assert repeated.repeated_hosts(tmp_path) == []
    assert repeated.repeated_hosts(tmp_path / "none") == []


def test_a_balancer_outside_the_cluster_of_the_roles_or_of_the_user(
    inventory_rules: ModuleType,
) -> None:
    assert inventory_rules.inventory_mistakes(*behind_balancer()) == []
    assert inventory_rules.inventory_mistakes(*behind_balancer(())) == []


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        (
            {"cluster_endpoint_kind": "magic"},
            "cluster_endpoint_kind is 'magic': expected virtual_address or external",
        ),
        (
            {"cluster_endpoint_kind": "virtual_address"},
            "group load_balancers has lb1, and cluster_endpoint_kind is",
        ),
        (
            {"cluster_endpoint_kind": "virtual_address"},
            (
                "cluster_endpoint_kind is virtual_address, and cluster_external_address is set: "
                "remove it"
            ),
        ),
        (
            {"cluster_endpoint_kind": "virtual_address"},
            "cluster_virtual_address is not set for cp1",
        ),
        ({"cluster_external_address": None}, "cluster_external_address is not set for cp1"),
        ({"cluster_external_address": "api.example"}, "'api.example', not an IP address"),
        (
            {"cluster_external_address": "10.0.0.20"},
            "cluster_external_address 10.0.0.20 is the address of cp1",
        ),
        ({"cluster_external_address": "192.0.2.8"}, "lb1 of load_balancers has 192.0.2.9"),
    ],
)
def test_an_endpoint_that_is_told_wrongly(
    inventory_rules: ModuleType, shared: dict[str, Any], expected: str
) -> None:
    result = inventory_rules.inventory_mistakes(*behind_balancer(**shared))
    assert any(expected in mistake for mistake in result), result


def test_both_kinds_at_once_and_a_balancer_in_the_cluster(inventory_rules: ModuleType) -> None:
    groups, hosts = behind_balancer(("lb1", "w1"))
    hosts["cp1"]["cluster_virtual_address"] = "10.0.0.10"
    hosts["w2"]["cluster_endpoint_kind"] = "virtual_address"
    output = "\n".join(inventory_rules.inventory_mistakes(groups, hosts))
    assert "cluster_endpoint_kind differs between hosts (external, virtual_address)" in output
    assert "host w1 is in load_balancers and in the cluster" in output
    assert "load_balancers has 2 hosts (lb1, w1): expected one" in output
    hosts["w2"]["cluster_endpoint_kind"] = "external"
    output = "\n".join(inventory_rules.inventory_mistakes(groups, hosts))
    assert "cluster_endpoint_kind is external, and cluster_virtual_address is set" in output
