"""site.yml on fresh nodes.

Killed in the middle, completed by another run, and nothing left to change after that.

Makes the nodes of the inventory anew. `pytest tests/roles/test_install.py --inventory
inventories/local`
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import playbook_runs
import pytest
from listing import list_nodes
from node_kubectl import ask

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory


@pytest.fixture(scope="session")
def fresh(before_install: Path, inventory: Inventory) -> Path:
    """Make new nodes; must come before the first SSH connection, since host keys are new too."""
    del inventory  # loaded first: an inventory with a mistake must not cost the nodes
    for command in (["vagrant", "destroy", "-f"], ["vagrant", "up", "--no-provision"]):
        subprocess.run(command, cwd=playbook_runs.ROOT, check=True, timeout=600)
    before_install.parent.mkdir(parents=True, exist_ok=True)
    return before_install


@pytest.fixture(scope="session")
def installed(fresh: Path, inventory: Inventory, hosts: Hosts) -> dict[str, int]:
    """Install, with one kill -9 in the middle of a control plane's join.

    Return what the completing run changed.
    """
    fresh.write_text(json.dumps(list_nodes(hosts, inventory.nodes), indent=1))
    joining = inventory.control_planes[1]
    playbook_runs.run_and_kill(
        inventory.path,
        "site.yml",
        at="PLAY [Join the other control planes]",
        once=lambda: hosts.read(joining, ["pgrep", "-x", "kubeadm"], check=False).ok,
    )
    return playbook_runs.run(inventory.path, "site.yml")


def test_a_killed_run_is_completed_by_another(
    installed: dict[str, int], inventory: Inventory, hosts: Hosts
) -> None:
    assert set(installed) >= {node.name for node in inventory.nodes}
    ready = {
        item["metadata"]["name"]
        for item in ask(hosts, inventory, "get", "nodes")["items"]
        for condition in item["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }
    assert ready == {node.name for node in inventory.nodes}


@pytest.mark.usefixtures("installed")
def test_a_second_run_changes_nothing(inventory: Inventory) -> None:
    changed = playbook_runs.run(inventory.path, "site.yml")
    assert changed == dict.fromkeys(changed, 0)


@pytest.mark.usefixtures("installed")
def test_check_mode_predicts_no_change(inventory: Inventory) -> None:
    changed = playbook_runs.run(inventory.path, "site.yml", "--check")
    assert changed == dict.fromkeys(changed, 0)


@pytest.mark.usefixtures("installed")
def test_dns_survives_the_loss_of_one_node(inventory: Inventory, hosts: Hosts) -> None:
    pods = ask(hosts, inventory, "get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")[
        "items"
    ]
    assert len({pod["spec"]["nodeName"] for pod in pods}) >= 2


@pytest.mark.usefixtures("installed")
def test_etcd_has_one_voting_member_for_each_control_plane(
    inventory: Inventory, hosts: Hosts
) -> None:
    pki = "/etc/kubernetes/pki/etcd"
    keys = [
        "--cacert",
        f"{pki}/ca.crt",
        "--cert",
        f"{pki}/server.crt",
        "--key",
        f"{pki}/server.key",
    ]
    result = hosts.read(
        inventory.control_planes[0], ["etcdctl", *keys, "member", "list", "-w", "json"]
    )
    members = json.loads(result.stdout)["members"]
    assert {member["name"] for member in members} == {
        node.name for node in inventory.control_planes
    }
    assert [member["name"] for member in members if member.get("isLearner")] == []


@pytest.mark.usefixtures("installed")
def test_no_invitation_is_left(inventory: Inventory, hosts: Hosts) -> None:
    secrets = ask(hosts, inventory, "get", "secrets", "-n", "kube-system")["items"]
    assert "kubeadm-certs" not in [secret["metadata"]["name"] for secret in secrets]
    for node in inventory.nodes:
        left = hosts.read(
            node,
            "ls /run/kubedrill/kubeadm.yaml /var/lib/kubedrill/joining 2>/dev/null",
            check=False,
        )
        assert left.stdout == ""


@pytest.mark.usefixtures("installed")
def test_one_node_holds_the_virtual_address(inventory: Inventory, hosts: Hosts) -> None:
    if inventory.external:
        pytest.skip("a balancer outside the cluster has the API's address")
    holders = [
        node.name
        for node in inventory.control_planes
        if f" {inventory.endpoint_address}/"
        in hosts.read(node, ["ip", "-o", "-4", "address"]).stdout
    ]
    assert len(holders) == 1
