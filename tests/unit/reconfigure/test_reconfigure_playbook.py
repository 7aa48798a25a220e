"""reconfigure.yml: its order, and what it refuses on the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.local_playbooks import HOSTS, ROOT, run_locally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    return run_locally(folder, HOSTS, "reconfigure.yml", *arguments)


def test_nodes_that_do_not_answer_are_all_named_and_nothing_is_touched(tmp_path: Path) -> None:
    status, output = run(tmp_path, "--check", "--diff")
    assert status != 0
    assert "the settings: 5 mistakes, nothing was changed" in output
    for name in ("cp1", "cp2", "cp3", "w1"):
        assert f"{name} cannot be reached over SSH" in output
    assert "no control plane can be asked" in output
    assert "changed=0" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("variables", "reasons"),
    [
        (
            (
                '{"cluster_kubeadm": {"api_server": {"etcd-servers": "x"}, "apiserver": {}, '
                '"scheduler": {"profiling": ["a"]}}, "control_plane_extra_names": ["a b"]}'
            ),
            [
                "4 mistakes",
                "api_server.etcd-servers cannot be set",
                "cluster_kubeadm.apiserver does not exist",
                "scheduler.profiling is a list",
                "control_plane_extra_names is ['a b']",
            ],
        ),
        ("cluster_kubeadm=yes", ["cluster_kubeadm is text"]),
    ],
)
def test_settings_that_cannot_be_are_refused_before_a_node_is_asked(
    tmp_path: Path, variables: str, reasons: list[str]
) -> None:
    status, output = run(tmp_path, "-e", variables)
    assert status != 0
    assert [reason for reason in reasons if reason not in output] == []
    assert "SSH" not in output


def plays() -> list[dict[str, Any]]:
    path = ROOT / "playbooks" / "reconfigure.yml"
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_nothing_changes_before_plan_and_claim_and_one_node_is_changed_at_a_time() -> None:
    parts = [
        (play["hosts"], play.get("serial"), role.get("tasks_from", "main"))
        for play in plays()
        for task in play["tasks"]
        for role in [task["ansible.builtin.import_role"]]
    ]
    assert parts == [
        ("localhost:all", None, "inventory"),
        ("cluster", None, "plan"),
        ("cluster", None, "claim"),
        ("control_planes", 1, "main"),
        ("control_planes", None, "record"),
        ("workers", 1, "main"),
        ("cluster", None, "finish"),
        ("cluster", None, "release"),
    ]
    assert all(play["any_errors_fatal"] for play in plays())


def tasks(name: str) -> Iterator[dict[str, Any]]:
    path = ROOT / "roles" / "reconfigure" / "tasks" / f"{name}.yml"
    for task in yaml.safe_load(path.read_text(encoding="utf-8")):
        yield from task.get("block", [task])


def module_of(task: dict[str, Any]) -> str:
    key = next(key for key in task if key.startswith(("kubedrill.", "ansible.")))
    detail = task[key]
    extra = detail.get("state", "") if isinstance(detail, dict) else detail
    return f"{key.rpartition('.')[2]} {extra}".strip()


def test_a_server_leaves_the_balancers_before_it_stops_and_is_healthy_before_it_returns() -> None:
    assert [module_of(task) for task in tasks("control_plane")] == [
        "haproxy_server drained",
        "etcd_leader",
        "control_plane_swap",
    ]
    assert [module_of(task) for task in tasks("main")] == [
        "assert",
        "include_tasks read_cluster.yml",
        "include_tasks read_node.yml",
        "include_tasks control_plane.yml",
        "kubelet_settings",
        "upgrade_gate",
        "haproxy_server ready",
        "file absent",
    ]
    (gate,) = (task for task in tasks("main") if module_of(task) == "upgrade_gate")
    checks = gate["kubedrill.kubeadm.upgrade_gate"]["checks"]
    for name in ("kubelets", "node", "daemon_sets", "leaders", "etcd", "static_pods"):
        assert f"'{name}'" in checks


def test_nothing_is_staged_or_changed_by_the_plan() -> None:
    assert {module_of(task) for task in tasks("plan")} == {
        "preflight_node",
        "include_tasks read_cluster.yml",
        "include_tasks read_record.yml",
        "include_tasks read_node.yml",
        "node_facts",
        "fail",
        "upgrade_gate",
        "debug",
    }
    plan = (ROOT / "roles/reconfigure/tasks/plan.yml").read_text(encoding="utf-8")
    assert "_reconfigure_stage" not in plan
    assert "_reconfigure_claim" not in plan
