"""kubedrill pod target, as a user calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko
import yaml
from click.testing import CliRunner

from kubedrill.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path


def test_the_folder_is_the_secret_and_no_key_is_printed(tmp_path: Path) -> None:
    key = tmp_path / "id"
    paramiko.RSAKey.generate(1024).write_private_key_file(str(key))
    host = paramiko.RSAKey.generate(1024)
    (tmp_path / "known").write_text(f"10.9.9.1 {host.get_name()} {host.get_base64()}\n")
    shared = {
        "cluster_virtual_address": "10.9.9.10",
        "cluster_node_network": "10.9.9.0/24",
        "ansible_ssh_private_key_file": "{{ inventory_dir }}/id",
        "ansible_ssh_common_args": "-o UserKnownHostsFile={{ inventory_dir }}/known",
        "power_off": "ipmitool off",
        "power_on": "ipmitool on",
    }
    planes = {
        "control_planes": {"hosts": {"cp1": {"ansible_host": "10.9.9.1", "ansible_user": "me"}}}
    }
    (tmp_path / "hosts.yml").write_text(
        yaml.safe_dump({"cluster": {"vars": shared, "children": planes}})
    )
    folder = tmp_path / "secret"
    result = CliRunner().invoke(
        cli, ["pod", "target", "--inventory", str(tmp_path / "hosts.yml"), str(folder)]
    )
    assert result.exit_code == 0, result.output
    assert f"create secret generic kubedrill-target --from-file={folder}" in result.output
    assert "left out, as a pod has no such program: power_off, power_on" in result.output
    assert "PRIVATE" not in result.output
    assert {path.name for path in folder.iterdir()} == {"cp1.key", "inventory.yml", "known_hosts"}
    assert (folder / "cp1.key").read_text() == key.read_text()
