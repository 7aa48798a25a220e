"""The inventories of the parks of tests/field, which need machines to be run on."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.field import park
from tests.field.machines import PARKS

from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.ssh_options import SshOptions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", PARKS)
def test_a_park_s_inventory_has_no_mistake(name: str, tmp_path: Path) -> None:
    machines = PARKS[name]
    (tmp_path / "key").touch(mode=0o600)
    inventory = Inventory.load(park.write_inventory(machines, tmp_path / "inventory", tmp_path))
    assert {node.name for node in inventory.nodes} == {m.name for m in machines if m.in_cluster}
    for machine in machines:
        if machine.in_cluster:
            options = SshOptions.of(inventory.node(machine.name))
            assert options.port == machine.port
            assert options.jump.strip("[]") == park.find_address(machine.behind)
        assert not [each for each in machine.traits if not (park.TRAITS / f"{each}.sh").exists()]


def test_the_agent_holds_the_key(tmp_path: Path) -> None:
    key = tmp_path / "ssh" / "key"
    key.parent.mkdir()
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", park.PASSPHRASE, "-f", key]
    subprocess.run(argv, check=True)
    before = os.environ.get("SSH_AUTH_SOCK")
    with park.agent(tmp_path):
        listing = subprocess.run(["ssh-add", "-L"], check=True, capture_output=True, text=True)
        assert listing.stdout.split()[1] == key.with_suffix(".pub").read_text().split()[1]
    assert os.environ.get("SSH_AUTH_SOCK") == before
