"""Whose haproxy an upgrade tells to drain a server, evaluated by Ansible itself from the
variables that roles share.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubedrill.cluster.ansible_vars import ansible_environment, ansible_program

ROOT = Path(__file__).resolve().parents[3]
HOSTS = """\
cluster:
  children:
    control_planes: {hosts: {cp1: , cp2: }}
    workers: {hosts: {w1: }}
"""
PLAY = """\
- hosts: cluster
  gather_facts: false
  connection: local
  vars_files: [VARS]
  tasks:
    - ansible.builtin.copy:
        content: "{{ [cluster_balancers, cluster_managed_balancers] | to_json }}"
        dest: "{{ out }}/{{ inventory_hostname }}"
        mode: "0600"
"""


def asked(folder: Path, kind: str, balancers: str = "") -> dict[str, Any]:
    """Return, for each node, what it drains itself in and what it sees to before and after."""
    (folder / "hosts.yml").write_text(HOSTS + balancers)
    (folder / "play.yml").write_text(
        PLAY.replace("VARS", str(ROOT / "playbooks" / "group_vars" / "all.yml"))
    )
    given = [
        "-e",
        f"out={folder}",
        "-e",
        f"cluster_endpoint_kind={kind}",
        "-e",
        "ansible_python_interpreter=python3",
    ]
    argv = [
        ansible_program("ansible-playbook"),
        "-i",
        str(folder / "hosts.yml"),
        *given,
        str(folder / "play.yml"),
    ]
    done = subprocess.run(
        argv, env=ansible_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((folder / name).read_text()) for name in ("cp1", "cp2", "w1")}


def test_every_control_plane_has_a_balancer_behind_a_virtual_address(tmp_path: Path) -> None:
    result = asked(tmp_path, "virtual_address")
    assert result["cp1"] == [["cp1", "cp2"], ["cp1"]]
    assert result["cp2"] == [["cp1", "cp2"], ["cp2"]]
    assert result["w1"] == [["cp1", "cp2"], []]


@pytest.mark.parametrize(
    ("group", "drained_in", "seen_to"),
    [
        ("load_balancers: {hosts: {lb1: }}\n", ["lb1"], ["lb1"]),
        ("", [], []),
    ],
)
def test_outside_the_cluster_it_is_the_inventory_s_balancer_or_nobody(
    tmp_path: Path, group: str, drained_in: list[str], seen_to: list[str]
) -> None:
    result = asked(tmp_path, "external", group)
    assert result == {"cp1": [drained_in, seen_to], "cp2": [drained_in, []], "w1": [drained_in, []]}
