"""Pausing a node by the inventory's commands, and the process that resumes it."""

import json
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubedrill.base.errors import StepFailed
from kubedrill.cluster import watchdog
from kubedrill.cluster.power import Power
from kubedrill.cluster.power_switch import container_switch
from kubedrill.config import Settings


def switched(inventory: Any, **commands: str) -> tuple[Power, Any]:
    nodes = tuple(
        replace(node, host_vars={**node.host_vars, **commands}) for node in inventory.nodes
    )
    result = replace(inventory, nodes=nodes)
    return Power(result, Settings()), result.node("w1")


@pytest.fixture
def inventory(make_inventory: Any) -> Any:
    return make_inventory(cluster_name="no-such-cluster")


def test_the_inventory_s_commands_pause_and_resume(inventory: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = {
        f"power_{verb}": f"echo {verb} >> {log}" for verb in ("off", "on", "pause", "resume")
    }
    power, node = switched(inventory, **commands)
    assert power.pause_available(node) is None
    power.pause(node)
    power.resume(node)
    assert log.read_text() == "pause\nresume\n"
    assert power.is_off(node) is False  # nobody but the node could say


def test_a_machine_without_commands_cannot_be_paused_and_says_what_is_missing(
    inventory: Any,
) -> None:
    power, node = switched(inventory, power_off="true", power_on="true", power_pause="true")
    reason = power.pause_available(node)
    assert reason is not None
    assert "it has power_pause" in reason
    assert "expected power_pause and power_resume" in reason
    with pytest.raises(StepFailed, match="no way to pause"):
        power.pause(node)
    power.resume(node)  # one that cannot be paused is not paused


@pytest.mark.parametrize(("greeting", "forgiven"), [(b"SSH-2.0-test\r\n", True), (b"", False)])
def test_a_command_that_refuses_what_is_so_already_is_forgiven_where_the_node_answers(
    inventory: Any, greeting: bytes, forgiven: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        refuse = {
            f"power_{verb}": "echo Domain is already active >&2; exit 1"
            for verb in ("on", "off", "pause", "resume")
        }
        power, node = switched(inventory, **refuse)
        node = replace(
            node,
            address="127.0.0.1",
            host_vars={**node.host_vars, "ansible_port": server.getsockname()[1]},
        )
        thread = threading.Thread(target=greet, args=(server, greeting), daemon=True)
        thread.start()
        for verb in (power.on, power.resume):
            if forgiven:
                verb(node)
            else:
                with pytest.raises(StepFailed, match="already active"):
                    verb(node)
        with pytest.raises(
            StepFailed, match="already active"
        ):  # nobody forgives a power cut that was none
            power.off(node)


def greet(server: socket.socket, greeting: bytes) -> None:
    for _ in range(2):
        connection, _ = server.accept()
        with connection:
            connection.sendall(greeting)


def test_a_paused_container_is_woken_before_it_is_started() -> None:
    *_, line = container_switch("kubedrill-w1").on
    assert line.index("unpause kubedrill-w1") < line.index("start kubedrill-w1")


@pytest.mark.parametrize(("verb", "expected"), [("resume", "resume"), ("on", "on")])
def test_the_watching_process_does_what_it_was_armed_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inventory: Any, verb: str, expected: str
) -> None:
    log = tmp_path / "log"
    commands = {
        f"power_{name}": f"echo {name} >> {log}" for name in ("off", "on", "pause", "resume")
    }
    power, _ = switched(inventory, **commands)
    monkeypatch.setattr(watchdog.Inventory, "load", staticmethod(lambda _path: power.inventory))
    file = tmp_path / "undo.json"
    file.write_text(
        json.dumps(
            {
                "inventory": "x",
                "power_s": 120,
                "node": "w1",
                "verb": verb,
                "pid": 2**30,
                "started": 1.0,
                "seconds": 5,
            }
        )
    )
    assert watchdog.main([str(file)]) == 0
    assert log.read_text() == f"{expected}\n"
    assert not file.exists()
