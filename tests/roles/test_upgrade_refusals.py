"""What an upgrade or a drain refuses on a running cluster, and that nothing was changed by it.

`pytest tests/roles/test_upgrade_refusals.py --inventory inventories/local`
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import playbook_runs
import pytest
from node_kubectl import KUBECTL, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

NAME = "kubedrill-drain-test"
POD = {
    "containers": [
        {"name": "main", "image": "docker.io/kubedrill/python:v1", "command": ["sleep", "3600"]}
    ],
    "terminationGracePeriodSeconds": 0,
}
BUDGET = f"PodDisruptionBudget {NAME}/never"
LABELED = {"labels": {"app": NAME}}
BLOCKED = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}},
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "never", "namespace": NAME},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": NAME}}},
    },
]
CONTROLLED = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "stays", "namespace": NAME},
    "spec": {
        "serviceName": "stays",
        "selector": {"matchLabels": {"app": NAME}},
        "template": {"metadata": LABELED, "spec": POD},
    },
}
BARE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "stays-0", "namespace": NAME, **LABELED},
    "spec": POD,
}
DRAIN = """
- name: Drain a node that is blocked
  hosts: control_planes[0]
  gather_facts: false
  become: true
  tasks:
    - name: Drain
      ansible.builtin.import_role:
        name: kubedrill.kubeadm.drain
"""


def play(inventory: Inventory, playbook: str, *args: str) -> tuple[int, str]:
    process = playbook_runs.start(inventory.path, playbook, *args)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def bundle(folder: Path, version: str) -> Path:
    root = folder / f"v{version}-amd64"
    root.mkdir()
    (root / "kubeadm").write_bytes(b"x")
    part = {"path": "kubeadm", "size": 1, "sha256": sha256(b"x").hexdigest()}
    (root / "bundle.json").write_text(
        json.dumps({"kubernetes": f"v{version}", "arch": "amd64", "parts": [part]})
    )
    return folder


@pytest.mark.parametrize(
    ("distance", "expected"), [(2, "skips a minor version"), (-1, "is a downgrade")]
)
def test_skips_and_downgrades(
    inventory: Inventory, hosts: Hosts, tmp_path: Path, distance: int, expected: str
) -> None:
    nodes = ask(hosts, inventory, "get", "nodes")["items"]
    minor = int(nodes[0]["status"]["nodeInfo"]["kubeletVersion"].split(".")[1])
    target = f"1.{minor + distance}.0"
    source = f"cluster_bundles_source={bundle(tmp_path, target)}"
    code, text = play(
        inventory, "playbooks/upgrade.yml", "-e", f"upgrade_to={target}", "-e", source
    )
    assert code != 0
    assert f"going to {target} {expected}" in text
    assert "changed=1" not in text


def test_a_rollback_where_nothing_is_half_way(inventory: Inventory, hosts: Hosts) -> None:
    nodes = ask(hosts, inventory, "get", "nodes")["items"]
    version = nodes[0]["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v")
    code, text = play(inventory, "playbooks/rollback.yml", "-e", f"rollback_to={version}")
    assert code != 0
    assert f"every node runs {version}: nothing is to be rolled back" in text
    assert "rollback_confirm" in text, "all reasons are told at once"
    assert "changed=1" not in text


@pytest.fixture
def blocked_node(
    inventory: Inventory, hosts: Hosts, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A worker with a pod, the parameter, whose budget allows no disruption."""
    plane = inventory.control_planes[0]
    objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*BLOCKED, request.param]})
    script = f"cat <<'END' | {' '.join(KUBECTL)} apply -f -\n{objects}\nEND"
    applied = hosts.change(plane, script, check=False)
    assert applied.ok, applied.stderr
    try:
        for state in ("create", "condition=Ready"):
            wait = ["wait", "pod/stays-0", f"--for={state}", "--timeout=60s"]
            waited = hosts.read(plane, [*KUBECTL, "-n", NAME, *wait], 70, check=False)
            assert waited.ok, waited.stderr
        yield ask(hosts, inventory, "get", "pod", "stays-0", "-n", NAME)["spec"]["nodeName"]
    finally:
        hosts.change(
            plane, [*KUBECTL, "delete", "namespace", NAME, "--timeout=120s"], 130, check=False
        )


@pytest.mark.parametrize(
    ("blocked_node", "reasons"),
    [
        (
            CONTROLLED,
            (
                "did not end within 8 s, the node is uncordoned again",
                f"pod {NAME}/stays-0: {BUDGET} (maxUnavailable 0: 1 of 1 pods healthy",
            ),
        ),
        (
            BARE,
            (
                "was refused, the node is uncordoned again",
                f"what has no controller: pod {NAME}/stays-0; delete it",
            ),
        ),
    ],
    ids=["by a budget", "by a bare pod"],
    indirect=["blocked_node"],
)
def test_a_blocked_drain_names_the_cause_and_uncordons(
    inventory: Inventory,
    hosts: Hosts,
    tmp_path: Path,
    blocked_node: str,
    reasons: tuple[str, str],
) -> None:
    playbook = tmp_path / "drain.yml"
    playbook.write_text(DRAIN)
    code, text = play(
        inventory, str(playbook), "-e", f"drain_node={blocked_node}", "-e", "drain_timeout=8"
    )
    assert code != 0
    end, cause = reasons
    assert f"draining {blocked_node} {end}" in text
    assert cause in text
    assert not ask(hosts, inventory, "get", "node", blocked_node)["spec"].get(
        "unschedulable", False
    )
