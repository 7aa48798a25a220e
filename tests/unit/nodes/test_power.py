from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.power import Power
from kubedrill.cluster.power_switch import Machine, find_machine, libvirt_switch
from kubedrill.cluster.vagrant import LOCAL_INVENTORY, made_by_vagrant, vagrant_environment
from kubedrill.config import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.cluster.inventory import Inventory


def with_commands(inventory: Inventory, off: str, on: str) -> Inventory:
    nodes = tuple(
        replace(n, host_vars={**n.host_vars, "power_off": off, "power_on": on})
        for n in inventory.nodes
    )
    return replace(inventory, nodes=nodes)


def power(inventory: Inventory, seconds: float = 10) -> Power:
    return Power(inventory, Settings.model_validate({"timeouts": {"power": seconds}}))


@pytest.fixture
def inventory(make_inventory: Any) -> Inventory:
    return make_inventory(cluster_name="no-such-cluster")  # type: ignore[no-any-return]


def test_the_inventorys_commands_run_on_the_controller(
    inventory: Inventory, tmp_path: Path
) -> None:
    switched = with_commands(
        inventory, f"echo off >> {tmp_path}/log", f"echo on | tee -a {tmp_path}/log"
    )
    switch, node = power(switched), switched.node("w1")
    assert switch.available(node) is None
    switch.off(node)
    switch.on(node)
    assert (tmp_path / "log").read_text() == "off\non\n"


def test_a_refused_command_says_what_it_said(inventory: Inventory) -> None:
    broken = with_commands(inventory, "echo 'BMC: bad password' >&2; exit 3", "true")
    with pytest.raises(
        StepFailed, match=r"power off w1: the command ended with 3 and said: BMC: bad password"
    ):
        power(broken).off(broken.node("w1"))


def test_a_power_command_has_a_deadline(inventory: Inventory) -> None:
    slow = with_commands(inventory, "exec tail -f /dev/null", "true")
    with pytest.raises(DeadlineExceeded, match=r"timeouts\.power.*power off w1"):
        power(slow, seconds=0.2).off(slow.node("w1"))


def test_a_node_without_a_switch_is_not_available_and_not_touched(inventory: Inventory) -> None:
    node = inventory.node("w1")
    assert "power_off and power_on" in (power(inventory).available(node) or "")
    with pytest.raises(StepFailed, match="no way to cut its power"):
        power(inventory).off(node)


def test_sizes_tell_vagrants_nodes_from_ones_own(inventory: Inventory) -> None:
    assert not made_by_vagrant(inventory)
    sized = tuple(
        replace(node, host_vars={**node.host_vars, "vm_memory_mb": 2048})
        for node in inventory.nodes
    )
    assert made_by_vagrant(replace(inventory, nodes=sized))
    assert not made_by_vagrant(replace(inventory, nodes=(*sized[1:], inventory.nodes[0])))


def test_another_inventory_gets_state_of_its_own(tmp_path: Path) -> None:
    assert "VAGRANT_DOTFILE_PATH" not in vagrant_environment(LOCAL_INVENTORY, "kubedrill")
    other = vagrant_environment(tmp_path, "other")
    assert other["KUBEDRILL_INVENTORY"] == str(tmp_path)
    assert other["VAGRANT_DOTFILE_PATH"].endswith("/.vagrant/state-other")


def test_vagrant_s_own_records_name_the_machine_and_its_provider(tmp_path: Path) -> None:
    environment = {"VAGRANT_DOTFILE_PATH": str(tmp_path)}
    assert find_machine("w1", environment) is None
    for provider, files in (("virtualbox", ()), ("libvirt", ("id", "index_uuid"))):
        (tmp_path / "machines" / "w1" / provider).mkdir(parents=True)
        for name in files:
            (tmp_path / "machines" / "w1" / provider / name).write_text(f"{name}-of-w1\n")
    assert find_machine("w1", environment) == Machine("libvirt", "id-of-w1")


def test_a_machine_of_libvirt_is_switched_by_its_own_identity_and_woken_before_it_is_started() -> (
    None
):
    switch = libvirt_switch("4161ad88")
    assert switch.off[-2:] == ("destroy", "4161ad88")
    *_, line = switch.on
    assert line.index("resume 4161ad88") < line.index("start 4161ad88")
