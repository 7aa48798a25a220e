"""certificates_renew.yml: its order, and what it refuses on the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.local_playbooks import HOSTS, ROOT, run_locally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def run(folder: Path, hosts: str, *arguments: str) -> tuple[int, str]:
    return run_locally(folder, hosts, "certificates_renew.yml", *arguments)


def test_control_planes_that_do_not_answer_are_all_named_and_nothing_is_touched(
    tmp_path: Path,
) -> None:
    status, output = run(tmp_path, HOSTS, "-e", "certificates_renew_when_left=soon")
    assert status != 0
    assert "the certificates: 5 mistakes, nothing was changed" in output
    for name in ("cp1", "cp2", "cp3"):
        assert f"{name} cannot be reached over SSH" in output
    assert "certificates_renew_when_left: 'soon' is no length of time, such as 30d" in output
    assert "no control plane can be asked" in output
    assert "changed=0" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        (HOSTS.replace("cp3: {ansible_host: 127.0.0.3}", ""), "an even number of etcd members"),
        ("all: {hosts: {}}", "mistake"),
    ],
)
def test_an_inventory_that_is_no_cluster_is_refused(
    tmp_path: Path, hosts: str, reason: str
) -> None:
    status, output = run(tmp_path, hosts)
    assert status != 0
    assert reason in output


def plays() -> list[dict[str, Any]]:
    path = ROOT / "playbooks" / "certificates_renew.yml"
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_nothing_changes_before_plan_and_claim_and_one_node_is_renewed_at_a_time() -> None:
    parts = [
        (role["name"].rpartition(".")[2], role.get("tasks_from", "main"))
        for play in plays()
        for task in play["tasks"]
        for role in [task["ansible.builtin.import_role"]]
    ]
    assert parts == [
        ("certificates", "inventory"),
        ("certificates", "plan"),
        ("preflight", "claim"),
        ("certificates", "enable"),
        ("certificates", "main"),
        ("certificates", "finish"),
        ("preflight", "release"),
    ]
    assert [play.get("serial") for play in plays()] == [None, None, 1, None]
    assert all(play["any_errors_fatal"] for play in plays())


def steps(name: str) -> Iterator[dict[str, Any]]:
    path = ROOT / "roles" / "certificates" / "tasks" / f"{name}.yml"
    for task in yaml.safe_load(path.read_text(encoding="utf-8")):
        yield from task.get("block", [task])


def module_of(task: dict[str, Any]) -> str:
    key = next(key for key in task if key.startswith(("kubedrill.", "ansible.")))
    detail = task[key] if isinstance(task[key], dict) else {}
    name = key.rpartition(".")[2]
    return " ".join([name, str(detail.get("step") or detail.get("state") or "")]).strip()


def test_a_server_leaves_the_balancers_before_it_stops_and_is_healthy_before_it_returns() -> None:
    assert [module_of(task) for task in steps("main")] == [
        "assert",
        "include_tasks",
        "certificate_renewal stage",
        "haproxy_server drained",
        "etcd_leader",
        "certificate_renewal restart",
        "upgrade_gate",
        "haproxy_server ready",
    ]
    (gate,) = (task for task in steps("main") if module_of(task) == "upgrade_gate")
    assert set(gate["kubedrill.kubeadm.upgrade_gate"]["checks"]) == {
        "node",
        "daemon_sets",
        "leaders",
        "static_pods",
        "etcd",
    }


def test_the_plan_only_reads() -> None:
    assert {module_of(task) for task in steps("plan")} == {
        "preflight_node",
        "certificate_state",
        "upgrade_cluster_state",
        "fail",
        "upgrade_gate",
        "debug",
    }
    (read,) = (task for task in steps("plan") if module_of(task) == "upgrade_cluster_state")
    assert "claim" not in read["kubedrill.kubeadm.upgrade_cluster_state"]
