"""An upgrade that is killed is finished by another run.

It is killed on a control plane, between control planes and on a worker.

Needs a cluster one release behind the newest bundle and leaves it upgraded; not part of `make
test`, whose upgrade drill goes the same way without kills. `pytest
tests/roles/test_upgrade_killed.py --inventory inventories/local`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import playbook_runs
import pytest
from node_kubectl import ask

if TYPE_CHECKING:
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

TARGET = "1.36.3"
# What Ansible says when a task begins: the run is killed while that task is under way.
MOMENTS = (
    "TASK [kubedrill.kubeadm.upgrade : Replace the control plane",
    "TASK [kubedrill.kubeadm.upgrade : Restart services that run",
    "PLAY [Upgrade the workers]",
)


@pytest.fixture(scope="session")
def killed_thrice(inventory: Inventory) -> dict[str, int]:
    for moment in MOMENTS:
        playbook_runs.run_and_kill(
            inventory.path, "playbooks/upgrade.yml", "-e", f"upgrade_to={TARGET}", at=moment
        )
    return playbook_runs.run(inventory.path, "playbooks/upgrade.yml", "-e", f"upgrade_to={TARGET}")


@pytest.mark.usefixtures("killed_thrice")
def test_every_node_is_upgraded_and_nothing_is_left_over(
    inventory: Inventory, hosts: Hosts
) -> None:
    for node in ask(hosts, inventory, "get", "nodes")["items"]:
        name = node["metadata"]["name"]
        assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{TARGET}", name
        assert not node["spec"].get("unschedulable", False), name
        assert not [
            key for key in node["metadata"].get("annotations", {}) if key.startswith("kubedrill/")
        ], name


@pytest.mark.usefixtures("killed_thrice")
def test_every_balancer_uses_every_api_server(inventory: Inventory, hosts: Hosts) -> None:
    display = "echo 'show servers state' | socat - /run/haproxy/admin.sock"
    for plane in inventory.control_planes:
        rows = [
            line.split()
            for line in hosts.read(plane, display).stdout.splitlines()
            if " " in line and line[0].isdigit()
        ]
        assert {(row[3], row[5], row[6]) for row in rows} == {
            (each.name, "2", "0") for each in inventory.control_planes
        }
