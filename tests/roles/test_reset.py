"""reset.yml takes nodes back to how test_install.py found them.

A second run finds nothing to do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import playbook_runs
import pytest
from listing import list_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory


@pytest.fixture(scope="module")
def reset(inventory: Inventory) -> dict[str, int]:
    return playbook_runs.run(
        inventory.path, "playbooks/reset.yml", "-e", f"reset_confirm={inventory.name}"
    )


@pytest.mark.usefixtures("reset")
def test_nodes_are_as_they_were(before_install: Path, inventory: Inventory, hosts: Hosts) -> None:
    before = {name: set(lines) for name, lines in json.loads(before_install.read_text()).items()}
    after = {name: set(lines) for name, lines in list_nodes(hosts, inventory.nodes).items()}
    left = {name: sorted(after[name] - before[name]) for name in before}
    gone = {name: sorted(before[name] - after[name]) for name in before}
    assert (left, gone) == ({name: [] for name in before}, {name: [] for name in before})


@pytest.mark.usefixtures("reset")
def test_a_second_reset_changes_nothing(inventory: Inventory) -> None:
    changed = playbook_runs.run(
        inventory.path, "playbooks/reset.yml", "-e", f"reset_confirm={inventory.name}"
    )
    assert changed == dict.fromkeys(changed, 0)
