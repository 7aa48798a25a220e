"""All hosts are asked at once, and every mistake of each is named in one answer."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ports import free_port
from sshd import USER, Sshd, make_key, needs_sshd

from kubedrill.base.errors import ConfigErrors, KubedrillError
from kubedrill.base.model import Node
from kubedrill.cluster.connections import (
    Disconnected,
    connected,
    find_disconnected,
    require_connections,
)
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.inventory import Inventory
from kubedrill.config import Settings, Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_sshd
SETTINGS = Settings(timeouts=Timeouts(ssh_connect=60, ssh_command=60))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("node")
    server = Sshd(folder, "node", make_key(folder / "key"))
    yield server
    server.close()


def hosts_of(settings: Settings = SETTINGS, **nodes: dict[str, Any]) -> Hosts:
    machines = tuple(
        Node(name, values.pop("address", "127.0.0.1"), ("worker",), values)
        for name, values in nodes.items()
    )
    return Hosts(Inventory(Path("inventories/lab"), "lab", machines, {}), settings)


def way(node: Sshd, known: str | None = None, **values: object) -> dict[str, Any]:
    """Variables of a host that is reached, but for what is changed."""
    file = node.folder / f"known-{len(list(node.folder.iterdir()))}"
    file.write_text(node.known if known is None else known)
    return {
        "ansible_user": USER,
        "ansible_port": node.port,
        "ansible_ssh_private_key_file": str(node.folder / "key"),
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={file}",
        **values,
    }


def errors_of(hosts: Hosts, seconds: float = 60) -> dict[str, str]:
    with hosts:
        return {name: str(e) for name, e in find_disconnected(hosts, seconds).items()}


def test_healthy_hosts_are_connected_once(node: Sshd) -> None:
    hosts = hosts_of(a=way(node), b=way(node))
    with connected(hosts):
        before = node.log.read_text().count("Accepted publickey")
        hosts.read("a", ["true"])
        assert node.log.read_text().count("Accepted publickey") == before


def test_every_host_with_its_mistake_in_one_answer(node: Sshd, tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "stranger")
    locked = make_key(tmp_path / "locked", "secret words")
    old = make_key(tmp_path / "old")
    kind, key, *_ = Path(f"{old}.pub").read_text().split()
    closed = free_port()
    hosts = hosts_of(
        good=way(node),
        missing=way(node, ansible_ssh_private_key_file=str(tmp_path / "absent")),
        public=way(node, ansible_ssh_private_key_file=f"{stranger}.pub"),
        folder=way(node, ansible_ssh_private_key_file=str(tmp_path)),
        locked=way(node, ansible_ssh_private_key_file=str(locked)),
        wrong=way(node, ansible_ssh_private_key_file=str(stranger)),
        unknown=way(node, ""),
        changed=way(node, f"[127.0.0.1]:{node.port} {kind} {key}\n"),
        shut=way(node, ansible_port=closed),
        nameless=way(node, address="no-such-host.invalid"),
        su=way(node, ansible_become_method="su"),
    )
    with hosts, pytest.raises(Disconnected) as caught:
        require_connections(hosts)
    assert caught.value.exit_code == 4
    head, *lines = str(caught.value).splitlines()
    assert head == "10 of 11 hosts of inventories/lab cannot be used:"
    expected = {
        "missing": f"its SSH key {tmp_path}/absent does not exist; correct its path",
        "public": "cannot be used: .*; name the file of a private key that you may read",
        "folder": "cannot be used: Is a directory; name the file",
        "locked": f"no agent holds it; run: ssh-add {locked}",
        "wrong": f"refused {stranger}; .*: ssh-copy-id -i {stranger} -p {node.port} {USER}@127",
        "unknown": r"SHA256:.*\); compare this .*ssh_host_ed25519_key.pub, then run: "
        f"ssh-keyscan -p {node.port} 127.0.0.1 >> ",
        "changed": "shows another host key, ssh-ed25519 SHA256:.* has: ssh-ed25519 SHA256:.*; "
        "was it installed anew, or is it another machine\\? compare .*; only if they are the "
        "same, run: ssh-keygen -R .* && ssh-keyscan ",
        "shut": f"nothing listens on port {closed}; is sshd running, and ansible_port right",
        "nameless": "the name no-such-host.invalid does not resolve: .*; correct ansible_host",
        "su": "ansible_become_method is 'su'; expected sudo",
    }
    assert len(lines) == len(expected)
    for line, (name, words) in zip(lines, expected.items(), strict=True):
        assert line.startswith(f"  - {name}")
        assert re.search(words, line), (words, line)


def test_mistakes_of_the_inventory_alone_are_a_usage_error(node: Sshd) -> None:
    wrong = {"ansible_ssh_private_key_file": "/absent", "ansible_become_method": "doas"}
    hosts = hosts_of(a=way(node, **wrong), b=way(node))
    with hosts, pytest.raises(ConfigErrors, match="inventories/lab has 2 mistakes") as caught:
        require_connections(hosts)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"known": ""}, "run `kubedrill up`, which starts it and records how to reach it"),
        ({"ansible_port": 1}, "nothing listens on port 1; run `kubedrill up`"),
        ({"ansible_ssh_private_key_file": "/absent"}, "run `kubedrill up`, which makes it"),
    ],
)
def test_nodes_of_vagrant_are_mended_by_kubedrill_up(
    node: Sshd, values: dict[str, Any], says: str
) -> None:
    [error] = errors_of(hosts_of(a=way(node, **values, vm_memory_mb=2048))).values()
    assert says in error
    assert "ssh-keyscan" not in error


def test_behind_a_jump_host_a_key_is_recorded_by_logging_in(node: Sshd) -> None:
    values = way(node, "")
    known = node.folder / "known-of-the-jump-host"
    known.write_text(node.known)
    jump = f"ssh -F none -i {node.folder}/key -o UserKnownHostsFile={known} -p {node.port}"
    values["ansible_ssh_common_args"] += f" -o 'ProxyCommand={jump} -W %h:%p {USER}@127.0.0.1'"
    [error] = errors_of(hosts_of(a=values)).values()
    assert "through its ProxyCommand): its host key is not in" in error
    assert f"then run: ssh -o Port={node.port} " in error


def test_silent_hosts_take_no_longer_together_than_one(node: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        values = way(node, ansible_port=silent.getsockname()[1])
        hosts = hosts_of(
            Settings(timeouts=Timeouts(ssh_connect=0.5)),
            **{f"n{i}": dict(values) for i in range(6)},
        )
        began = time.monotonic()
        errors = errors_of(hosts)
        assert time.monotonic() - began < 15
    assert len(errors) == 6
    assert all("did not finish the SSH handshake in 0.5 s" in error for error in errors.values())


def test_what_hangs_longer_than_all_deadlines_is_named_too(
    node: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = hosts_of(a=way(node), b=way(node))
    read, gate = Hosts.read, threading.Event()

    def hang(self: Hosts, machine: Node, *args: Any, **named: Any) -> Any:
        if machine.name == "b":
            gate.wait(60)
        return read(self, machine, *args, **named)

    monkeypatch.setattr(Hosts, "read", hang)
    errors: dict[str, KubedrillError] = find_disconnected(hosts, 5.0)
    assert list(errors) == ["b"]
    assert str(errors["b"]).startswith("b (127.0.0.1) is unreachable: no session within 5 s; is it")
    gate.set()
    hosts.close()
