"""What a dynamic inventory could inject is refused, whichever value carries it.

Each text would become an option, a path, another line, a command or somebody else's name where it
is used: in ssh options, file names, shells, and in OpenSSH's ProxyCommand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from preflight_inventories import behind_balancer, inventory

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_mistakes import (
    inventory_mistakes,
)
from kubedrill.base.errors import ConfigErrors
from kubedrill.cluster import inventory as inventory_module
from kubedrill.cluster.inventory import Inventory, build_inventory

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACKS = {
    "option": "-oProxyCommand=touch /tmp/x",
    "short option": "-x",
    "path": "../x",
    "absolute path": "/etc/passwd",
    "line": "a\nProxyCommand touch /tmp/x",
    "return": "a\rb",
    "NUL": "a\0b",
    "escape sequence": "a\x1b[2J",
    "substitution": "$(touch /tmp/x)",
    "old substitution": "`id`",
    "variable": "$HOME/x",
    "second command": "a;id",
    "background": "a&id",
    "pipe": "a|id",
    "redirection": "a>b",
    "blank": "a b -x",
    "quote": "a'b",
    "double quote": 'a" b',
    "token of ssh": "%h",
    "template": "{{ lookup('pipe', 'id') }}",
    "braces": "{a,b}",
    "pattern": "a*",
    "home": "~root",
    "Cyrillic letter": "c\u0440\u0031",
    "full-width letter": "\uff43p1",
    "invisible letter": "cp\u200b1",
    "right to left": "cp\u202e1",
    "zone of an address": "fe80::1%$(id)",
    "zone with a line": "fe80::1%a\nb",
    "very long": "a" * 300,
}
FINE_ELSEWHERE = {
    "cluster_name": {"blank"},
    "ansible_ssh_private_key_file": set(ATTACKS)
    - {"line", "return", "NUL", "escape sequence", "double quote", "zone with a line"},
}
"""A cluster's name is quoted wherever it is used, and a key's path stands in quotes in one option;
the file has to exist."""


@pytest.fixture(autouse=True)
def no_other_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the roles, whose specifications take 40 ms to read each time."""
    monkeypatch.setattr(inventory_module, "known_variables", dict)


def of_a_node(text: str) -> tuple[Any, Any]:
    groups, hosts = inventory(1, 0)
    return {**groups, "control_planes": [text], "cluster": [text], "all": [text]}, {
        text: hosts["cp1"]
    }


def of_a_balancer(text: str) -> tuple[Any, Any]:
    groups, hosts = behind_balancer((text,))
    return groups, hosts


def of_another_host(text: str) -> tuple[Any, Any]:
    groups, hosts = inventory(cluster_other_groups=["bastions"])
    return {**groups, "bastions": [text], "all": [*groups["all"], text]}, {**hosts, text: {}}


def shared(setting: str) -> Callable[[str], tuple[Any, Any]]:
    def place(text: str) -> tuple[Any, Any]:
        return inventory(**{setting: text})

    place.__name__ = setting
    return place


def behind(setting: str) -> Callable[[str], tuple[Any, Any]]:
    def place(text: str) -> tuple[Any, Any]:
        return behind_balancer((), **{setting: text})

    place.__name__ = setting
    return place


def of_one_host(setting: str) -> Callable[[str], tuple[Any, Any]]:
    def place(text: str) -> tuple[Any, Any]:
        groups, hosts = inventory()
        hosts["w1"][setting] = text
        return groups, hosts

    place.__name__ = setting
    return place


PLACES = [
    of_a_node,
    of_a_balancer,
    of_another_host,
    *map(shared, ("cluster_name", "cluster_virtual_address", "cluster_api_port")),
    *map(shared, ("cluster_node_network", "cluster_kubernetes_version", "cluster_endpoint_kind")),
    behind("cluster_external_address"),
    *map(of_one_host, ("ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port")),
    *map(of_one_host, ("ansible_user", "ansible_ssh_user", "cluster_node_address")),
    of_one_host("ansible_ssh_private_key_file"),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_hostile_value_is_refused_by_both_doors(place: Any) -> None:
    fine = FINE_ELSEWHERE.get(place.__name__, set())
    accepted = {
        name
        for name, text in ATTACKS.items()
        if not inventory_mistakes(*place(text)) or not harness_refuses(*place(text))
    }
    assert accepted == fine


def harness_refuses(groups: dict[str, Any], hosts: dict[str, Any]) -> bool:
    listing = {name: {"hosts": members} for name, members in groups.items()}
    listing["_meta"] = {"hostvars": hosts}
    try:
        build_inventory(Path("x"), listing)
    except ConfigErrors:
        return True
    return False


@pytest.mark.parametrize("name", [ATTACKS["template"], 'a"}}{{ lookup("pipe", "id") }}'])
def test_a_host_name_gets_into_no_template(name: str, tmp_path: Path) -> None:
    """Ansible resolves templates of values before anything is judged."""
    listing = {
        "_meta": {"hostvars": {name: {"ansible_host": "{{ 'a' }}", "cluster_name": "lab"}}},
        "control_planes": {"hosts": [name]},
    }
    script = tmp_path / "inventory.sh"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(listing)}\nEND\n", encoding="utf-8")
    script.chmod(0o755)
    with pytest.raises(ConfigErrors) as caught:
        Inventory.load(script)
    assert f"host name {name!r} cannot be a Kubernetes node's name" in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ansible_host", "node-1.lab_a.example."),
        ("ansible_host", "2001:db8::7"),
        ("ansible_host", "fe80::1%eth0.5"),
        ("ansible_user", "LAB\\me"),
        ("ansible_user", "me.too@lab.example"),
        ("ansible_user", "svc-kube$"),
        ("ansible_ssh_private_key_file", "/home/me/keys of mine/id_ed25519"),
        ("cluster_name", "prod 2 @lab"),
        ("cluster_name", "Köln"),
        ("cluster_name", "東京クラスター-2"),
    ],
)
def test_what_people_use_is_fine(setting: str, value: str) -> None:
    groups, hosts = inventory()
    for name in hosts:
        hosts[name][setting] = value if setting != "ansible_host" or name == "w1" else f"{name}.lab"
    for number, variables in enumerate(hosts.values()):
        variables["cluster_node_address"] = f"10.0.0.{20 + number}"
    assert inventory_mistakes(groups, hosts) == []
