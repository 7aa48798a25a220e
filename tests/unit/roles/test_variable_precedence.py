"""Whatever an inventory says, in whichever of Ansible's ways, wins over
playbooks/group_vars/all.yml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubedrill.cluster.inventory import Inventory

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = """
all:
  children:
    cluster:
      vars: {vars}
      children:
        control_planes:
          hosts:
            cp1: {{ansible_host: 192.0.2.11, cluster_virtual_address: 192.0.2.10,
                   cluster_node_network: 192.0.2.0/24}}
"""


@pytest.mark.parametrize(
    ("mine", "file"),
    [
        ("{cluster_name: mine}", None),
        ("{}", "all.yml"),
        ("{}", "cluster.yml"),
        ("{}", "control_planes.yml"),
    ],
)
def test_the_inventory_wins(tmp_path: Path, mine: str, file: str | None) -> None:
    (tmp_path / "hosts.yml").write_text(HOSTS.format(vars=mine), encoding="utf-8")
    if file:
        (tmp_path / "group_vars").mkdir()
        (tmp_path / "group_vars" / file).write_text("cluster_name: mine\n", encoding="utf-8")
    assert Inventory.load(tmp_path).name == "mine"
