"""node_remove.yml and node_replace.yml: their order, and what they refuse on the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.local_playbooks import ROOT, run_locally

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = """
all:
  vars: {ansible_connection: local, ansible_python_interpreter: /nowhere/python}
  children:
    cluster:
      vars: {cluster_name: mine, cluster_virtual_address: 192.0.2.10}
      children: {control_planes: {hosts: {cp1: {}}}, workers: {hosts: {w1: {}}}}
"""


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ([], "node_remove is not set: name the nodes, such as -e node_remove=w3"),
        (["-e", "node_remove=w1"], "no API server of the cluster answers (cp1 has no Python 3)"),
        (["-e", "node_remove=w1 node_remove_dead=soon"], "node_remove_dead"),
    ],
)
def test_it_refuses_before_anything_is_touched(
    tmp_path: Path, arguments: list[str], refusal: str
) -> None:
    status, output = run_locally(tmp_path, HOSTS, "node_remove.yml", *arguments)
    assert status != 0
    assert refusal in output, output
    assert "changed=0" in output
    assert "Traceback" not in output


def tasks(name: str) -> list[dict[str, Any]]:
    path = ROOT / "roles" / "node" / "tasks" / f"{name}.yml"
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_pods_and_connections_leave_before_anything_stops() -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / "node_remove.yml").read_text(encoding="utf-8"))
    parts = [
        task["ansible.builtin.import_role"]["tasks_from"]
        for play in plays
        for task in play["tasks"]
    ]
    assert parts == ["plan", "claim", "drain", "withdraw", "balance", "remove", "finish", "release"]
    for play in plays:
        names = [task["ansible.builtin.import_role"]["tasks_from"] for task in play["tasks"]]
        if {"drain", "remove"} & set(names):
            assert play["serial"] == 1, "one node at a time"


def test_a_member_leaves_etcd_before_its_reset_and_the_node_goes_last() -> None:
    order = [
        next(key for key in task if key.startswith(("kubedrill.", "ansible.")))
        + str(task.get("kubedrill.kubeadm.node_membership", {}).get("part", ""))
        for task in tasks("remove")
    ]
    short = [name.rpartition(".")[2] for name in order]
    assert short == [
        "include_tasks",
        "include_tasks",
        "control_plane_stop",
        "etcd_leader",
        "node_membershipetcd",
        "include_role",
        "node_membershipapi",
    ]


def test_a_replacement_is_checked_before_anything_is_removed() -> None:
    path = ROOT / "playbooks" / "node_replace.yml"
    plays = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [play["import_playbook"] for play in plays] == [
        "preflight.yml",
        "node_remove.yml",
        "site.yml",
    ]
