"""maintain.yml: its order, and what it refuses on the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.local_playbooks import ROOT, run_locally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTS = """
all:
  vars: {ansible_port: 1}  # where nobody listens
  children:
    cluster:
      vars:
        cluster_name: mine
        cluster_node_network: 127.0.0.0/8
        cluster_virtual_address: 127.0.0.10
      children:
        control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}
        workers: {hosts: {w1: {ansible_host: 127.0.0.4}}}
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    return run_locally(folder, HOSTS, "maintain.yml", *arguments)


def test_nodes_that_do_not_answer_and_settings_are_refused_together(tmp_path: Path) -> None:
    settings = ["-e", "maintain_packages=some maintain_reboot=perhaps maintain_batch=x"]
    status, output = run(tmp_path, *settings)
    assert status != 0
    assert "the maintenance: 6 mistakes, nothing was changed" in output
    for name in ("cp1", "w1"):
        assert f"{name} cannot be reached over SSH" in output
    assert "maintain_packages is 'some', expected one of security, all, none" in output
    assert "maintain_reboot is 'perhaps', expected one of always, when-needed, never" in output
    assert "maintain_batch is 'x', expected a number of workers or a share such as 25%" in output
    assert "changed=0" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("maintain_pakages=all", "write maintain_packages"),
        ("maintain_runtime=perhaps", "is not a valid boolean"),
    ],
)
def test_a_misspelt_variable_and_a_wrong_type_are_refused(
    tmp_path: Path, setting: str, reason: str
) -> None:
    status, output = run(tmp_path, "-e", setting)
    assert status != 0
    assert reason in output
    assert "changed=0" in output


def plays() -> list[dict[str, Any]]:
    path = ROOT / "playbooks" / "maintain.yml"
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_nothing_changes_before_plan_and_claim_and_control_planes_go_one_by_one() -> None:
    parts = [
        (role["name"].rpartition(".")[2], role.get("tasks_from", "main"))
        for play in plays()
        for task in play["tasks"]
        for role in [task["ansible.builtin.import_role"]]
    ]
    assert parts == [
        ("maintain", "inventory"),
        ("maintain", "plan"),
        ("preflight", "claim"),
        ("maintain", "main"),
        ("maintain", "main"),
        ("maintain", "finish"),
        ("preflight", "release"),
    ]
    assert [(play["hosts"], play.get("serial")) for play in plays()] == [
        ("localhost:all", None),
        ("cluster", None),
        ("workers", "{{ maintain_batch | default(1) }}"),
        ("control_planes", 1),
        ("cluster", None),
    ]
    assert all(play["any_errors_fatal"] for play in plays())


def steps(name: str) -> Iterator[dict[str, Any]]:
    path = ROOT / "roles" / "maintain" / "tasks" / f"{name}.yml"
    for task in yaml.safe_load(path.read_text(encoding="utf-8")):
        yield from task.get("block", [task])


def words(name: str) -> list[str]:
    """Module and target of each step."""
    result = []
    for task in steps(name):
        key = next(key for key in task if key.startswith(("kubedrill.", "ansible.")))
        detail = task[key] if isinstance(task[key], dict) else {"file": task[key]}
        more = detail.get("state") or detail.get("file") or detail.get("name") or ""
        more += f" {detail['tasks_from']}" if "tasks_from" in detail else ""
        result.append(f"{key.rpartition('.')[2]} {more}".strip())
    return result


def test_a_node_is_drained_before_it_is_touched_and_decided_about_before_that() -> None:
    assert words("main") == [
        "assert",
        "include_tasks read_cluster.yml",
        "include_tasks read_machine.yml",
        "set_fact",
        "command",
        "include_role kubedrill.kubeadm.drain",
        "systemd_service stopped",
        "node_packages upgraded",
        "include_tasks runtime.yml",
        "include_tasks read_machine.yml",
        "include_tasks reboot.yml",
        "include_tasks return_to_service.yml",
    ]
    (block,) = (
        task
        for task in yaml.safe_load(
            (ROOT / "roles/maintain/tasks/main.yml").read_text(encoding="utf-8")
        )
        if "block" in task
    )
    assert block["when"] == "__maintain_todo.any and not ansible_check_mode"


def test_a_control_plane_leaves_before_it_boots_and_is_healthy_before_it_returns() -> None:
    order = words("reboot")
    boots = [order.index("reboot"), order.index("include_tasks await_boot.yml")]
    for each in ("systemd_service stopped", "haproxy_server drained", "etcd_leader",
                 "control_plane_stop"):  # fmt: skip
        assert order.index(each) < min(boots), each
    back = words("return_to_service")
    assert back == [
        "systemd_service started",
        "preflight_node",
        "include_tasks read_cluster.yml",
        "upgrade_gate",
        "haproxy_server ready",
        "include_role kubedrill.kubeadm.drain uncordon",
        "upgrade_gate",
        "command",
    ]
    (gate,) = (t for t in steps("return_to_service") if t["name"].startswith("Wait until the node"))
    checks = gate["kubedrill.kubeadm.upgrade_gate"]["checks"]
    for each in ("kubelets", "node", "daemon_sets", "leaders", "etcd", "static_pods"):
        assert f"'{each}'" in checks


def test_the_plan_only_reads() -> None:
    assert {word.split()[0] for word in words("plan")} == {
        "preflight_node",
        "include_tasks",
        "node_facts",
        "set_fact",
        "node_drain",
        "fail",
        "upgrade_gate",
        "debug",
    }
    (drain,) = (task for task in steps("plan") if "kubedrill.kubeadm.node_drain" in task)
    assert drain["check_mode"] is True
    for task in steps("read_machine"):
        packages = task.get("kubedrill.kubeadm.node_packages", {})
        assert packages.get("state", "listed") == "listed"
