import textwrap
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.cluster import ansible_vars
from kubedrill.cluster.inventory import Inventory, build_inventory

SHARED = {
    "cluster_virtual_address": "10.0.0.10",
    "cluster_kubernetes_version": "1.35.4",
    "cluster_name": "mine",
    "cluster_api_port": 8443,
    "cluster_node_network": "10.0.0.0/24",
    "cluster_pod_network": "10.244.0.0/16",
    "cluster_service_network": "10.96.0.0/12",
}


def listing(
    control_planes: list[str],
    workers: list[str],
    hostvars: dict[str, dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    names = [*control_planes, *workers]
    values = {name: {"ansible_host": f"10.0.0.{20 + i}", **SHARED} for i, name in enumerate(names)}
    for name, given in (hostvars or {}).items():
        values.setdefault(name, {}).update(given)
    return {
        "_meta": {"hostvars": values},
        "all": {"children": ["ungrouped", "cluster"]},
        "cluster": {"children": ["control_planes", "workers"]},
        "control_planes": {"hosts": control_planes},
        "workers": {"hosts": workers},
        **more,
    }


def mistakes(data: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        build_inventory(Path("inventories/x"), data)
    assert caught.value.exit_code == 2
    return caught.value.mistakes


def test_nodes_roles_and_shared_values() -> None:
    result = build_inventory(Path("inventories/x"), listing(["a", "b", "c"], ["w"]))
    assert [node.name for node in result.control_planes] == ["a", "b", "c"]
    assert [node.name for node in result.workers] == ["w"]
    assert result.node("b").address == "10.0.0.21"
    assert result.node("b").is_control_plane
    assert (result.name, result.kubernetes_version, result.api_port) == ("mine", "1.35.4", 8443)
    assert result.api_url == "https://10.0.0.10:8443"
    assert result.drills_allowed is False


@pytest.mark.parametrize("value", [True, "true", "True", "yes", "1", 1])
def test_drills_are_allowed_by_what_means_true(value: object) -> None:
    """An INI inventory has texts only."""
    data = listing(["a"], [], {"a": {"drills_allowed": value}})
    assert build_inventory(Path("x"), data).drills_allowed is True


@pytest.mark.parametrize("value", [False, "false", "no", "0", 0, "", None])
def test_drills_are_not_allowed_by_anything_else(value: object) -> None:
    data = listing(["a"], [], {"a": {"drills_allowed": value}})
    assert build_inventory(Path("x"), data).drills_allowed is False


def test_a_permission_that_is_neither_true_nor_false_is_refused() -> None:
    data = listing(["a"], ["w"], {"a": {"drills_allowed": "maybe"}, "w": {"drills_allowed": [1]}})
    assert mistakes(data) == [
        "drills_allowed is 'maybe': expected true or false",
        "drills_allowed is [1]: expected true or false",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "w\n  ProxyCommand touch /tmp/x",
        "../../etc/cron.d/w",
        "a/b",
        "w..1",
        "-oProxyCommand=x",
        ".w",
    ],
)
def test_a_host_name_that_is_a_path_or_an_option_is_refused(name: str) -> None:
    (mistake,) = mistakes(listing(["a"], [name]))
    assert mistake.startswith(f"host name {name!r} cannot be a Kubernetes node's name")


def test_names_and_addresses_that_cannot_be_are_listed_together() -> None:
    data = listing(
        ["a"],
        ["b/../c", "w"],
        {
            "a": {"ansible_port": "ssh"},
            "w": {"ansible_host": "10.0.0.7\nProxyCommand x", "ansible_user": "me\x07"},
        },
    )
    for values in data["_meta"]["hostvars"].values():
        values["cluster_name"] = "../lab"
    result = "\n".join(mistakes(data))
    assert "cluster_name is '../lab'" in result
    assert "host name 'b/../c' cannot be" in result
    assert "ansible_host of 'w' is '10.0.0.7\\nProxyCommand x', neither an address" in result
    assert "ansible_port of 'a' is 'ssh': expected a TCP port" in result
    assert "ansible_user of 'w' is 'me\\x07': expected the name of a user" in result


@pytest.mark.parametrize("name", ["cp1", "cp1.lab.example.com", "10.0.0.5"])
def test_usual_host_names_are_fine(name: str) -> None:
    assert build_inventory(Path("x"), listing([name], [])).node(name).is_control_plane


@pytest.mark.parametrize(
    ("command", "kind"),
    [({"__ansible_vault": "x"}, "a mapping"), (["ipmitool"], "a list"), (" ", "empty")],
)
def test_a_power_command_that_is_no_text_is_refused(command: object, kind: str) -> None:
    data = listing(["a"], [], {"a": {"power_off": command, "power_on": "on"}})
    assert mistakes(data) == [f"power_off of a is {kind}: expected a shell command as text"]


def test_an_unknown_host_lists_the_known_ones() -> None:
    result = build_inventory(Path("inventories/x"), listing(["a"], ["w"]))
    with pytest.raises(UsageError, match=r"has no host 'w9'; expected one of: a, w\."):
        result.node("w9")


def test_values_that_differ_between_hosts_are_not_shared() -> None:
    result = build_inventory(
        Path("x"), listing(["a"], ["b"], {"a": {"power_off": "x", "power_on": "y"}})
    )
    assert "power_off" not in result.vars
    assert result.node("a").host_vars["power_off"] == "x"


def test_secrets_are_not_in_the_repr() -> None:
    result = build_inventory(Path("x"), listing(["a"], [], {"a": {"ansible_password": "hunter2"}}))
    assert "hunter2" not in repr(result)
    assert result.node("a").host_vars["ansible_password"] == "hunter2"


def test_all_mistakes_at_once() -> None:
    data = listing(
        ["a", "b"],
        ["b", "w"],
        {
            "a": {"ansible_host": ""},
            "w": {"ansible_host": "10.0.0.10", "power_off": "cut"},
            "stray": SHARED,
        },
        ungrouped={"hosts": ["stray"]},
    )
    result = "\n".join(mistakes(data))
    assert "host a has no ansible_host" in result
    assert "host b is in control_planes and in workers" in result
    assert "host w has only one of power_off and power_on" in result
    assert "host stray is in no group, so it has no part in the cluster" in result
    assert "cluster_virtual_address 10.0.0.10 is the address of w" in result


def test_no_control_plane_names_the_groups_that_were_found() -> None:
    data = listing([], ["w"], masters={"hosts": ["m"]})
    assert any(
        "control_planes has no host" in text and "masters" in text for text in mistakes(data)
    )


def test_groups_outside_the_cluster_group() -> None:
    data = listing(["a"], ["w"])
    data["cluster"] = {"children": ["workers"]}
    assert mistakes(data) == [
        (
            "host a is in group control_planes, but not in group cluster: make control_planes a "
            "child of cluster"
        )
    ]


def test_two_hosts_with_one_address() -> None:
    data = listing(["a"], ["w"], {"w": {"ansible_host": "10.0.0.20"}})
    assert mistakes(data) == ["hosts a, w have the same address 10.0.0.20: give each node its own"]


@pytest.mark.parametrize("address", ["10.0.0", "somewhere", "10.0.0.256"])
def test_a_virtual_address_that_is_none(address: str) -> None:
    data = listing(["a"], [], {"a": {"cluster_virtual_address": address}})
    assert any("not an IP address" in text for text in mistakes(data))


def test_a_value_that_must_be_shared_differs() -> None:
    data = listing(["a"], ["b"], {"b": {"cluster_virtual_address": "10.0.0.9"}})
    assert mistakes(data) == [
        (
            "cluster_virtual_address differs between hosts (10.0.0.10 on a; 10.0.0.9 on b): set it "
            "once, for group cluster"
        )
    ]


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="no such file or directory"):
        Inventory.load(tmp_path / "absent")


def test_ansible_reads_it_and_resolves_templates(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "cluster.yml").write_text(
        'net: 10.0.0\ncluster_virtual_address: "{{ net }}.10"\ncluster_kubernetes_version: '
        '"1.35.4"\n'
        "cluster_node_network: 10.0.0.0/24\n"
        'ansible_ssh_private_key_file: "{{ inventory_dir }}/{{ inventory_hostname }}.key"\n',
        encoding="utf-8",
    )
    (tmp_path / "hosts.ini").write_text(
        "[control_planes]\na ansible_host=10.0.0.1\n[workers]\nw ansible_host={{net}}.2\n"
        "[cluster:children]\ncontrol_planes\nworkers\n",
        encoding="utf-8",
    )
    result = Inventory.load(tmp_path)
    assert result.endpoint_address == "10.0.0.10"
    assert result.node("w").address == "10.0.0.2"
    assert result.node("a").host_vars["ansible_ssh_private_key_file"] == f"{tmp_path}/a.key"


@pytest.fixture
def vaulted(tmp_path: Path) -> Path:
    """An inventory with two vaulted values; the password is "pw"."""
    vault = VaultLib([("default", VaultSecret(b"pw"))])

    def encrypted(text: str) -> str:
        return "!vault |\n" + textwrap.indent(vault.encrypt(text).decode(), " " * 12)

    (tmp_path / "hosts.yml").write_text(
        "cluster:\n"
        "  vars: {cluster_virtual_address: 10.0.0.10, cluster_node_network: 10.0.0.0/24}\n"
        "  children:\n    workers: {}\n    control_planes:\n      hosts:\n        a:\n"
        "          ansible_host: 10.0.0.1\n          power_on: bmc on\n"
        f"          power_off: {encrypted('bmc off')}\n"
        f"          ansible_ssh_pass: {encrypted('hunter2')}\n",
        encoding="utf-8",
    )
    (tmp_path / "pw").write_text("pw\n", encoding="utf-8")
    return tmp_path / "hosts.yml"


def test_a_vaulted_value_is_decrypted(vaulted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(vaulted.with_name("pw")))
    result = Inventory.load(vaulted)
    assert result.node("a").host_vars["power_off"] == "bmc off"
    assert result.node("a").host_vars["ansible_ssh_pass"] == "hunter2"
    assert result.vaulted == {"power_off", "ansible_ssh_pass"}


def test_a_vaulted_value_without_the_password_is_named(
    vaulted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    with pytest.raises(ConfigErrors) as caught:
        Inventory.load(vaulted)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("a: ansible_ssh_pass, power_off cannot be decrypted: ")
    assert mistake.endswith(
        "; name the file of the vault's password in ANSIBLE_VAULT_PASSWORD_FILE"
    )


def test_an_inventory_without_control_planes_names_its_groups(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "masters: {hosts: {m1: {ansible_host: 192.0.2.1}}}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigErrors) as caught:
        Inventory.load(tmp_path)
    assert caught.value.mistakes == [
        (
            "group control_planes has no host (other groups found: masters): name 1, 3 or 5 nodes "
            "in control_planes"
        ),
        (
            "host m1 is in group masters only, so it has no part in the cluster: put it in "
            "control_planes or workers, or name its group in cluster_other_groups"
        ),
    ]


def test_ansible_s_own_words_on_a_file_that_it_cannot_parse(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text("all: [not, a, mapping", encoding="utf-8")
    with pytest.raises(ConfigErrors, match="parse"):
        Inventory.load(path)


def test_control_character_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text("cluster: {vars: {a: b\0}}", encoding="utf-8")
    with pytest.raises(ConfigErrors, match="control characters are not allowed at position 21"):
        Inventory.load(path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo Using /etc/ansible.cfg as config file", "Ansible's list of it cannot be read: "),
        ("echo '[]'", "Ansible listed [], expected hosts and groups"),
        ("printf '\\377'", "Ansible's list of it cannot be read: "),
        (
            "printf '[ERROR]: Odd.\\nTraceback (most recent call last)\\nValueError: z' >&2; false",
            "Ansible could not read it: Odd.",
        ),
        (
            """echo "[WARNING]: Failed to parse: no constructor for 'tag:yaml.org,2002:x'" >&2""",
            "no constructor for '!!x'",
        ),
        (
            "echo '[ERROR]: no such host' '[DEPRECATION WARNING]: jinja2.old is old' >&2; exit 4",
            "Ansible could not read it: no such host",
        ),
    ],
)
def test_what_ansible_may_say_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    """Also where it is no JSON, no UTF-8, or for those who develop Ansible."""
    program = tmp_path / "bin" / "ansible-inventory"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(ansible_vars, "ansible_program", lambda _name: str(program))
    (tmp_path / "hosts.yml").write_text("all: {}\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        Inventory.load(tmp_path / "hosts.yml")
    text = str(caught.value)
    assert words in text
    assert [each for each in ("Traceback", "ValueError", "jinja", "tag:yaml") if each in text] == []


def test_a_program_that_cannot_be_started_is_named_without_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "secret-place" / "ansible-inventory"
    program.parent.mkdir()
    program.touch(mode=0o644)
    monkeypatch.setattr(ansible_vars, "ansible_program", lambda _name: str(program))
    (tmp_path / "hosts.yml").write_text("all: {}\n", encoding="utf-8")
    with pytest.raises(ConfigErrors, match="ansible-inventory cannot be started") as caught:
        Inventory.load(tmp_path / "hosts.yml")
    assert "secret-place" not in str(caught.value)


def test_a_node_managed_at_another_address_has_both() -> None:
    groups = {"control_planes": {"hosts": ["cp1"]}, "cluster": {"children": ["control_planes"]}}
    shared = {
        "cluster_kubernetes_version": "1.35.4",
        "cluster_virtual_address": "10.0.0.10",
        "cluster_api_port": 8443,
        "cluster_node_network": "10.0.0.0/24",
        "cluster_pod_network": "10.244.0.0/16",
        "cluster_service_network": "10.96.0.0/12",
    }
    named = {**shared, "ansible_host": "192.0.2.11", "cluster_node_address": "10.0.0.11"}
    listing = {**groups, "_meta": {"hostvars": {"cp1": named}}}
    node = build_inventory(Path("inventories/x"), listing).node("cp1")
    assert (node.address, node.ssh_address) == ("10.0.0.11", "192.0.2.11")
    del named["cluster_node_address"]
    named["ansible_host"] = "10.0.0.12"
    node = build_inventory(Path("inventories/x"), listing).node("cp1")
    assert (node.address, node.ssh_address) == ("10.0.0.12", "10.0.0.12")
