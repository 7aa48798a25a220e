"""What playbooks do where a control plane is lost: ask another one, or say that none answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.local_playbooks import ROOT, run_locally

if TYPE_CHECKING:
    from pathlib import Path

LOST = {"ansible_host": "127.0.0.1", "ansible_port": 1}  # where nobody listens
SERVES = {"preflight_node": {"node": {"api_ready": True}}, "cluster_claim": {}}
REACHED = {**SERVES, "preflight_node": {"node": {"api_ready": False}}}
VARIABLES = {
    "cluster_name": "mine",
    "cluster_virtual_address": "192.0.2.10",
    "cluster_balancers": [],
    "cluster_managed_balancers": [],
    "node_environment": {},
    "backup_recipients": ["age1"],
    "backup_directory": "/nowhere",
}
PYTHON = """#!/bin/sh
module=$(basename "$1" .py)
echo "${module#AnsiballZ_}" >>"${0%/*}/asked"
cat "${0%/*}/${module#AnsiballZ_}.json"
"""


class Cluster:
    """Nodes of which each is lost, or answers for each module what it was given."""

    def __init__(self, folder: Path, nodes: dict[str, dict[str, Any]]) -> None:
        self.folder, hosts = folder, {}
        for name, answers in nodes.items():
            hosts[name] = answers
            if answers is not LOST:
                (folder / name).mkdir()
                (folder / name / "python").write_text(PYTHON)
                (folder / name / "python").chmod(0o700)
                for module, answer in answers.items():
                    (folder / name / f"{module}.json").write_text(json.dumps(answer))
                hosts[name] = {
                    "ansible_connection": "local",
                    "ansible_pipelining": False,
                    "ansible_python_interpreter": str(folder / name / "python"),
                }
        planes = {name: host for name, host in hosts.items() if name.startswith("cp")}
        workers = {name: host for name, host in hosts.items() if name not in planes}
        groups = {"control_planes": {"hosts": planes}, "workers": {"hosts": workers}}
        cluster = {"vars": VARIABLES, "children": groups}
        self.hosts = yaml.safe_dump({"all": {"children": {"cluster": cluster}}})

    def run(self, *tasks: dict[str, Any], hosts: str = "cluster") -> tuple[int, str]:
        """Run tasks on all of its hosts, as the playbooks do, and one that prints "went on"."""
        last = {"ansible.builtin.debug": {"msg": "went on"}}
        play = {
            "hosts": hosts,
            "gather_facts": False,
            "any_errors_fatal": True,
            "vars": {"upgrade_to": "1.36.3"},
            "tasks": [*tasks, last],
        }
        (self.folder / "play.yml").write_text(yaml.safe_dump([play]))
        return run_locally(self.folder, self.hosts, str(self.folder / "play.yml"))

    def asked(self, name: str) -> list[str]:
        """Modules that ran on a node."""
        path = self.folder / name / "asked"
        return path.read_text().split() if path.exists() else []


def role(name: str, part: str) -> dict[str, Any]:
    return {
        "ansible.builtin.import_role": {"name": f"kubedrill.kubeadm.{name}", "tasks_from": part}
    }


CLAIM, RELEASE = role("preflight", "claim"), role("preflight", "release")


@pytest.mark.parametrize("rescued", [False, True])
def test_a_cluster_is_claimed_and_released_at_the_next_control_plane(
    tmp_path: Path, *, rescued: bool
) -> None:
    cluster = Cluster(tmp_path, {"cp1": LOST, "cp2": REACHED, "cp3": SERVES, "w1": {}})
    rescue = [{"ansible.builtin.debug": {"msg": "gave up"}}]
    tasks = [{"block": [CLAIM, RELEASE], "rescue": rescue}] if rescued else [CLAIM, RELEASE]
    status, output = cluster.run(*tasks)
    assert (status, output.count("went on"), output.count("gave up")) == (0, 4, 0), output
    assert "cluster_claim" not in cluster.asked("cp2"), "its API server is not ready"
    assert cluster.asked("cp3").count("cluster_claim") == 2


def test_before_there_is_an_api_the_first_that_can_be_reached_has_the_claim(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, {"cp1": LOST, "cp2": REACHED, "cp3": REACHED})
    assert cluster.run(CLAIM)[0] == 0
    assert cluster.asked("cp2") == ["preflight_node", "cluster_claim"]
    assert cluster.asked("cp3") == ["preflight_node"]


def test_the_claim_is_given_up_where_it_is(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, {"cp1": REACHED, "cp2": SERVES})
    starts = {
        "ansible.builtin.copy": {
            "content": json.dumps(SERVES["preflight_node"]),
            "dest": str(tmp_path / "cp1" / "preflight_node.json"),
            "mode": "0600",
        },
        "delegate_to": "localhost",
        "run_once": True,
    }
    assert cluster.run(CLAIM, starts, RELEASE)[0] == 0
    assert cluster.asked("cp2").count("cluster_claim") == 2
    assert "cluster_claim" not in cluster.asked("cp1")


def test_a_refusal_ends_the_run_with_its_text(tmp_path: Path) -> None:
    refusal = "eve@far (process 7, site.yml) has been working on this cluster since 2026-01-01"
    claimed = {**SERVES, "cluster_claim": {"failed": True, "msg": refusal}}
    status, output = Cluster(tmp_path, {"cp1": LOST, "cp2": claimed, "w1": {}}).run(CLAIM)
    assert (status, refusal in output, "went on" in output) == (2, True, False), output


@pytest.mark.parametrize("task", [CLAIM, role("upgrade", "read"), role("maintain", "read_cluster")])
def test_where_none_can_be_reached_all_are_named(tmp_path: Path, task: dict[str, Any]) -> None:
    status, output = Cluster(tmp_path, {"cp1": LOST, "cp2": LOST, "w1": {}}).run(task)
    assert status == 2
    assert "no control plane can be asked, expected one of cp1, cp2; repair one, then run" in output
    for name in ("cp1", "cp2"):
        assert f"{name} cannot be reached over SSH (" in output
    assert "went on" not in output
    assert "Traceback" not in output


NODE = {"kubelet": "1.36.3", "upgrading_to": "", "control_plane": False}
STATE = {"manifests_behind": [], "outdated_units": []}
KNOWS = {
    **SERVES,
    "upgrade_cluster_state": {"cluster": {"nodes": {"w1": NODE}, "api_servers": {}}},
    "command": {"rc": 0, "stdout": "coredns-1/w1 coredns-2/cp2"},
}


@pytest.mark.parametrize(
    ("task", "modules"),
    [
        (role("upgrade", "read"), ["upgrade_cluster_state"]),
        (role("upgrade", "finish"), ["upgrade_cluster_state", "command"]),
        (role("maintain", "read_cluster"), ["upgrade_cluster_state"]),
    ],
)
def test_a_worker_s_turn_goes_on_without_the_first_control_plane(
    tmp_path: Path, task: dict[str, Any], modules: list[str]
) -> None:
    worker = {"upgrade_state": {"state": STATE}}
    cluster = Cluster(tmp_path, {"cp1": LOST, "cp2": KNOWS, "w1": worker})
    status, output = cluster.run(task, hosts="workers")
    assert (status, "went on" in output) == (0, True), output
    assert cluster.asked("cp2") == ["preflight_node", *modules]


def test_a_failed_maintenance_tells_its_reason_when_no_control_plane_is_left(
    tmp_path: Path,
) -> None:
    boot = {"name": "Boot the machine", "ansible.builtin.fail": {"msg": "no power"}}
    cluster = Cluster(tmp_path, {"cp1": LOST, "w1": {"preflight_node": {"node": {}}}})
    status, output = cluster.run(
        {"block": [boot], "rescue": [role("maintain", "rescue")]}, hosts="workers"
    )
    assert status == 2
    assert 'the maintenance of w1 stopped at "Boot the machine: no power"' in output
    assert "Node w1 is not Ready and cordoned, no node after it was touched" in output


def test_a_backup_is_taken_of_the_member_that_is_left(tmp_path: Path) -> None:
    member = {
        "uri": {"status": 200},
        "command": {"failed": True, "msg": "no etcdctl here", "rc": 1},
    }
    cluster = Cluster(tmp_path, {"cp1": LOST, "cp2": member})
    (_, play) = yaml.safe_load((ROOT / "playbooks" / "backup.yml").read_text(encoding="utf-8"))
    (tmp_path / "backup.yml").write_text(yaml.safe_dump([{**play, "become": False}]))
    _, output = run_locally(tmp_path, cluster.hosts, str(tmp_path / "backup.yml"))
    assert "fatal: [cp2]: FAILED! =>" in output
    assert "no etcdctl here" in output
    assert cluster.asked("cp2") == ["uri", "command"]


def test_no_play_ends_in_silence_and_no_task_needs_the_first_control_plane() -> None:
    """Ansible ends a play of any_errors_fatal, or a run_once task's, after an unreachable host.

    With ignore_unreachable it does so without an error, and before the plays that follow.
    """
    texts = {
        path.relative_to(ROOT / "roles").as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "roles").glob("*/tasks/*.yml")
    }
    ignoring = [name for name, text in texts.items() if "ignore_unreachable:" in text]
    assert ignoring == ["backup/tasks/main.yml"]
    plays = yaml.safe_load((ROOT / "playbooks" / "backup.yml").read_text(encoding="utf-8"))
    assert "any_errors_fatal" not in plays[-1]
    first = "delegate_to: \"{{ groups['control_planes'][0] }}\""
    assert [name for name, text in texts.items() if first in text] == []
