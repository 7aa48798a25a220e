"""What goes into the Secret of a pod that drills: enough for the harness, nothing of this host."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import paramiko
import pytest
import yaml

from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.model import Node
from kubedrill.cluster.ansible_vars import read_inventory
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.pod_target import pod_target

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Two keys and the nodes' host keys, as `vagrant up` leaves them, and one more host's."""
    for name in ("a", "b"):
        paramiko.RSAKey.generate(1024).write_private_key_file(str(tmp_path / name))
    host = paramiko.RSAKey.generate(1024)
    names = ("172.31.77.11", "172.31.77.21", "other.example")
    lines = [f"{name} {host.get_name()} {host.get_base64()}" for name in names]
    (tmp_path / "known").write_text("\n".join(lines) + "\n")
    return tmp_path


def inventory(keys: Path, **more: Any) -> Inventory:
    shared = {
        "cluster_name": "far",
        "cluster_virtual_address": "172.31.77.10",
        "cluster_kubernetes_version": "1.35.4",
        "cluster_bundles_source": "/home/me/bundles",
        "ansible_user": "admin",
        "ansible_become": True,
        "ansible_ssh_common_args": (
            f"-o UserKnownHostsFile={keys / 'known'} -o 'ProxyCommand=ssh -W %h:%p gate'"
        ),
        "drills_allowed": True,
        **more,
    }
    plane = {
        **shared,
        "ansible_host": "172.31.77.11",
        "ansible_ssh_private_key_file": str(keys / "a"),
    }
    worker = {
        **shared,
        "ansible_host": "172.31.77.21",
        "ansible_ssh_private_key_file": str(keys / "b"),
    }
    plane |= {"power_off": "ipmitool off", "power_on": "ipmitool on", "vm_memory_mb": 3072}
    nodes = (
        Node("cp1", "172.31.77.11", ("control_plane",), plane),
        Node("w1", "172.31.77.21", ("worker",), worker),
    )
    return Inventory(keys / "hosts.yml", "far", nodes, shared)


def test_the_files_are_those_of_the_secret(keys: Path) -> None:
    packed = pod_target(inventory(keys))
    assert set(packed.files) == {"inventory.yml", "known_hosts", "cp1.key", "w1.key"}
    assert packed.files["cp1.key"] == (keys / "a").read_text()
    assert packed.left_out == ("power_off", "power_on")


def test_the_inventory_holds_in_the_pod_what_it_held_here(keys: Path, tmp_path: Path) -> None:
    """Read by Ansible itself, as the harness in the pod reads it."""
    packed = pod_target(inventory(keys))
    path = tmp_path / "inventory.yml"
    path.write_text(packed.files["inventory.yml"])
    hosts = read_inventory(path)["_meta"]["hostvars"]
    assert hosts["cp1"]["ansible_ssh_private_key_file"] == "/target/cp1.key"
    assert hosts["w1"]["ansible_host"] == "172.31.77.21"
    assert hosts["w1"]["drills_allowed"] is True
    assert hosts["w1"]["cluster_bundles_source"] == "/bundles/bundles"
    assert "UserKnownHostsFile=/target/known_hosts" in hosts["w1"]["ansible_ssh_common_args"]
    assert "-o 'ProxyCommand=ssh -W %h:%p gate'" in hosts["w1"]["ansible_ssh_common_args"]
    assert not {"power_off", "power_on", "vm_memory_mb"} & hosts["cp1"].keys()
    assert str(keys) not in packed.files["inventory.yml"]


def test_a_key_that_several_nodes_share_comes_along_once(keys: Path) -> None:
    (keys / "b").write_bytes((keys / "a").read_bytes())
    packed = pod_target(inventory(keys))
    assert "w1.key" not in packed.files
    whole = yaml.safe_load(packed.files["inventory.yml"])["cluster"]["children"]
    assert whole["workers"]["hosts"]["w1"]["ansible_ssh_private_key_file"] == "/target/cp1.key"


def test_only_the_nodes_host_keys_come_along(keys: Path) -> None:
    lines = pod_target(inventory(keys)).files["known_hosts"].splitlines()
    assert [line.split()[0] for line in lines] == ["172.31.77.11", "172.31.77.21"]


def test_every_mistake_is_told_at_once(keys: Path) -> None:
    (keys / "known").write_text("")
    locked = paramiko.RSAKey.generate(1024)
    locked.write_private_key_file(str(keys / "a"), password="hunter22")
    given = inventory(keys, secret_thing={"__ansible_vault": "x"}, own="{{ inventory_dir }}/x")
    worker = dict(given.nodes[1].host_vars)
    del worker["ansible_ssh_private_key_file"]
    given = replace(given, nodes=(given.nodes[0], replace(given.nodes[1], host_vars=worker)))
    with pytest.raises(ConfigErrors) as raised:
        pod_target(given)
    output = str(raised.value)
    assert "has 6 mistakes" in output
    assert "give a key without a passphrase" in output
    assert "w1: has no ansible_ssh_private_key_file; a pod has no SSH agent" in output
    assert "has no host key of 172.31.77.21" in output
    assert "secret_thing is in a vault" in output
    assert "own points into the inventory's folder" in output


def test_a_decrypted_value_does_not_come_along_either(keys: Path) -> None:
    given = replace(
        inventory(keys, ansible_ssh_pass="plain"), vaulted=frozenset({"ansible_ssh_pass"})
    )
    with pytest.raises(ConfigErrors, match="ansible_ssh_pass is in a vault"):
        pod_target(given)


def test_nobody_else_can_read_the_files_and_none_is_overwritten(keys: Path, tmp_path: Path) -> None:
    packed, folder = pod_target(inventory(keys)), tmp_path / "secret"
    packed.write(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    with pytest.raises(UsageError, match="give a folder that does not exist yet"):
        packed.write(folder)


def test_no_key_is_shown(keys: Path) -> None:
    assert "PRIVATE" not in repr(pod_target(inventory(keys)))
    assert os.environ.get("HOME", "/root") + "/" not in repr(pod_target(inventory(keys)))
