"""Names of hosts and variables, and text that is none of a variable's type."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from preflight_inventories import behind_balancer, inventory

if TYPE_CHECKING:
    from types import ModuleType


def test_names_that_kubernetes_refuses(inventory_rules: ModuleType) -> None:
    groups, hosts = inventory(1, 0)
    groups["control_planes"], groups["cluster"], hosts["Node_1"] = (
        ["Node_1"],
        ["Node_1"],
        hosts.pop("cp1"),
    )
    assert any(
        "'Node_1'" in mistake for mistake in inventory_rules.inventory_mistakes(groups, hosts)
    )


def renamed(name: str, **variables: Any) -> tuple[Any, Any]:
    groups, hosts = inventory(1, 0)
    groups |= {"all": [name], "control_planes": [name], "cluster": [name]}
    return groups, {name: {**hosts["cp1"], **variables}}


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("cp1.lab.example.com", True),
        ("1.a", True),
        ("a" * 63, True),
        ("a." * 32, False),
        ("a" * 64, False),
        (".a", False),
        ("a..b", False),
        ("-a", False),
        ("a-.b", False),
        ("a_b", False),
        ("A", False),
        ("a\nb", False),
        ("../a", False),
        ("", False),
    ],
)
def test_nodes_names_are_dns_subdomains(
    inventory_rules: ModuleType, name: str, *, good: bool
) -> None:
    mistakes = inventory_rules.inventory_mistakes(*renamed(name))
    assert [f"host name {name!r} cannot be" in mistake for mistake in mistakes] == [True] * (
        not good
    )
    assert all("\n" not in mistake for mistake in mistakes)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ansible_host": "10.0.0.20\nProxyCommand x"}, "ansible_host of 'cp1' is '10.0.0.20\\n"),
        ({"ansible_host": "-oProxyCommand=x"}, "ansible_host of 'cp1' is '-oProxyCommand=x'"),
        ({"cluster_name": "../mine"}, "cluster_name is '../mine'"),
        ({"cluster_name": "a\nb"}, "cluster_name is 'a\\nb'"),
    ],
)
def test_values_that_would_become_paths_or_options(
    inventory_rules: ModuleType, change: dict[str, Any], expected: str
) -> None:
    (mistake,) = inventory_rules.inventory_mistakes(*renamed("cp1", **change))
    assert mistake.startswith(expected)


@pytest.mark.parametrize("name", ["a/b", "a\n", "-o", "a b", "..", "\x07"])
def test_other_hosts_names_are_no_paths_or_options(inventory_rules: ModuleType, name: str) -> None:
    groups, hosts = behind_balancer((name,))
    hosts[name]["ansible_host"] = "192.0.2.9"
    (mistake,) = inventory_rules.inventory_mistakes(groups, hosts)
    assert mistake.startswith(f"host name {name!r} could be taken for an option")


KNOWN = {
    "cluster_name": "",
    "cluster_virtual_address": "",
    "cluster_kubernetes_version": "",
    "worker_labels": "dict",
    "host_resolvers": "list",
    "control_plane_takes_pods": "bool",
    "drain_timeout": "int",
    "preflight_clock_skew_limit": "float",
}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cluster_virtual_adress", "cluster_virtual_address"),
        ("cluster_version", "cluster_kubernetes_version"),
        ("cluster_names", "cluster_name"),
        ("worker_label", "worker_labels"),
        ("cluster_owner", ""),
        ("cluster_contact", ""),
        ("worker_rack", ""),
        ("drain_timeout_s", "drain_timeout"),
        ("host_addresses", ""),
        ("other_labels", ""),
        ("cluster_name", ""),
    ],
)
def test_misspelt_variables(inventory_rules: ModuleType, name: str, near: str) -> None:
    groups, hosts = inventory()
    for values in hosts.values():
        values.setdefault(name, "x")
    mistakes = inventory_rules.inventory_mistakes(groups, hosts, types=KNOWN)
    who = "of cp1, cp2, cp3 and others"
    expected = f"variable {name} ({who}) does not exist: write {near}, or give it another name"
    assert [expected in mistake for mistake in mistakes] == [True] * bool(near)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("host_resolvers", ["192.0.2.53"], "192.0.2.53"),
        ("worker_labels", {"rack": "a"}, "rack=a"),
        ("control_plane_takes_pods", "False", "never"),
        ("control_plane_takes_pods", True, ""),
        ("drain_timeout", "180", "3m"),
        ("preflight_clock_skew_limit", "2.5", "2,5"),
    ],
)
def test_text_that_is_none_of_its_variable_s_type(
    inventory_rules: ModuleType, name: str, good: Any, bad: str
) -> None:
    groups, hosts = inventory()
    hosts["w1"][name] = good
    assert inventory_rules.inventory_mistakes(groups, hosts, types=KNOWN) == []
    hosts["w1"][name] = bad
    (mistake,) = inventory_rules.inventory_mistakes(groups, hosts, types=KNOWN)
    assert mistake.startswith(f"{name} is the text {bad!r} (of w1), expected ")


def test_no_variable_of_this_collection_is_taken_for_a_misspelt_one(
    inventory_rules: ModuleType,
) -> None:
    known = import_module(
        "ansible_collections.kubedrill.kubeadm.plugins.module_utils.collection_variables"
    ).known_variables()
    assert {"cluster_name", "upgrade_to", "host_resolvers", "drills_allowed"} <= set(known)
    assert "control_plane_invitation_ttl" in known, "a former name is said by its own warning"
    groups, hosts = inventory()
    for values in hosts.values():
        values.update(dict.fromkeys(known))  # no value is a text
    assert not [
        mistake
        for mistake in inventory_rules.inventory_mistakes(groups, hosts, types=known)
        if mistake.startswith("variable ")
    ]
