"""Ports of other nodes, tried where nothing listens, through a firewall that is there or not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.filter import preflight_ports as rules
from ansible_collections.kubedrill.kubeadm.plugins.modules import preflight_node, preflight_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = "127.0.0.1"


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


def test_a_port_is_reached_whether_something_listens_or_not() -> None:
    with socket.create_server((HERE, 0)) as server:
        assert preflight_ports.try_tcp(HERE, server.getsockname()[1]) == ""
    assert preflight_ports.try_tcp(HERE, free_port(socket.SOCK_STREAM)) == ""
    assert preflight_ports.try_all([]) == {"blocked": [], "silent": []}


def test_datagrams_that_nobody_takes_are_refused_and_others_are_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preflight_ports, "SILENCE_S", 0.1)
    monkeypatch.setattr(preflight_ports, "AGAIN_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((HERE, 0))
        ports = [free_port(socket.SOCK_DGRAM), listener.getsockname()[1]]
        peer = {"name": "w1", "address": HERE, "tcp": [], "udp": ports, "vrrp": False}
        result = preflight_ports.try_all([peer])
    assert result == {"blocked": [], "silent": [{"name": "w1", "what": f"UDP {ports[1]}"}]}


FAR = "10.213.7.2"
SCRIPT = f"""
import json, sys
sys.path[:0] = {sys.path!r}
from ansible_collections.kubedrill.kubeadm.plugins.modules import preflight_ports as ports
ports.CONNECT_S = ports.SILENCE_S = 1.5
peer = {{"name": "far", "address": "{FAR}", "tcp": [6443], "udp": [8472], "vrrp": True}}
print(json.dumps(ports.try_all([peer])))
"""


def inside(space: int, *words: str | Path) -> list[str | Path]:
    """Return the command that runs another one in the network of a process."""
    return ["nsenter", f"--target={space}", "--net", *words]


def apart() -> subprocess.Popen[bytes]:
    """Start a process with a network of its own; skip the test where none can be made."""
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep 60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        _, errors = process.communicate()
        pytest.skip(f"no network namespaces here: {errors.decode()}")
    return process


@pytest.fixture
def spaces() -> Iterator[tuple[int, int]]:
    """Two processes whose networks one wire connects; skipped where none can be made."""
    with ExitStack() as stack:
        near, far = (stack.enter_context(apart()) for _ in range(2))
        stack.callback(near.kill)
        stack.callback(far.kill)
        wire = ["ip", "link", "add", "name", "wire0", "netns", str(near.pid), "type", "veth"]
        subprocess.run([*wire, "peer", "name", "wire1", "netns", str(far.pid)], check=True)
        for process, link, address in ((near, "wire0", "10.213.7.1"), (far, "wire1", FAR)):
            for words in (("address", "add", f"{address}/24", "dev", link),
                          ("link", "set", link, "up")):  # fmt: skip
                subprocess.run(inside(process.pid, "ip", *words), check=True)
        yield near.pid, far.pid


def through(near: int) -> dict[str, list[dict[str, str]]]:
    text = subprocess.check_output(inside(near, sys.executable, "-c", SCRIPT), text=True)
    result: dict[str, list[dict[str, str]]] = json.loads(text)
    return result


VRRP = "VRRP (IP protocol 112)"


@pytest.mark.parametrize(
    ("target", "blocked", "silent"),
    [
        ([], {}, []),
        (["DROP"], {"TCP 6443": "no answer"}, ["UDP 8472", VRRP]),
        (
            ["REJECT", "--reject-with", "icmp-admin-prohibited"],
            dict.fromkeys(["TCP 6443", "UDP 8472", VRRP], "No route to host"),
            [],
        ),
    ],
    ids=["open", "drop", "prohibit"],
)
def test_a_firewall_is_told_from_a_port_without_a_listener(
    spaces: tuple[int, int], target: list[str], blocked: dict[str, str], silent: list[str]
) -> None:
    near, far = spaces
    if target:
        rule = inside(far, "iptables", "-A", "INPUT", "-j", *target)
        try:
            subprocess.run(rule, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no packet filter here: {error}")
    result = through(near)
    assert {entry["what"]: entry["why"] for entry in result["blocked"]} == blocked
    assert [entry["what"] for entry in result["silent"]] == silent


def node(address: str, **more: Any) -> dict[str, Any]:
    addresses = ["127.0.0.1", address, "fe80::1"]
    return {"joined": False, "addresses": addresses, "listens": [], **more}


EXPECTED: dict[str, Any] = {
    "control_planes": ["cp1", "cp2"],
    "network": "10.0.0.0/24",
    "hosts": {},
    "addresses": {},
    "virtual_address": "10.0.0.10",
    "api_port": 8443,
}
NODES = {"cp1": node("10.0.0.11"), "cp2": node("10.0.0.12"), "w1": node("10.0.0.21")}


def tried(peers: list[dict[str, Any]]) -> dict[str, tuple[list[int], list[int], bool]]:
    return {peer["name"]: (peer["tcp"], peer["udp"], peer["vrrp"]) for peer in peers}


def test_each_node_tries_what_it_will_need() -> None:
    peers = rules.peers(NODES, EXPECTED)
    assert tried(peers["cp1"]) == {
        "cp2": ([6443, 8443, 2379, 2380, 10250], [8472], True),
        "w1": ([10250], [8472], False),
    }
    assert tried(peers["w1"]) == {
        "cp1": ([6443, 8443], [8472], False),
        "cp2": ([6443, 8443], [8472], False),
    }
    outside = rules.peers(NODES, {**EXPECTED, "virtual_address": ""})
    assert tried(outside["w1"])["cp1"] == ([6443], [8472], False)
    assert tried(outside["cp1"])["cp2"] == ([6443, 2379, 2380, 10250], [8472], False)


def test_nodes_of_a_cluster_have_found_one_another() -> None:
    joined = {name: {**each, "joined": True} for name, each in NODES.items()}
    assert rules.peers(joined, EXPECTED) == {"cp1": [], "cp2": [], "w1": []}
    more = {**joined, "w2": node("10.0.0.22"), "w3": {"trouble": "unreachable", "why": "?"}}
    peers = rules.peers(more, EXPECTED)
    assert list(tried(peers["cp1"])) == ["w2"]
    assert list(tried(peers["w2"])) == ["cp1", "cp2", "w1"]


def test_what_listens_gives_no_answer_and_is_not_tried() -> None:
    busy = {**NODES, "cp2": node("10.0.0.12", listens=["vxlan", "vrrp"])}
    assert tried(rules.peers(busy, EXPECTED)["cp1"])["cp2"][1:] == ([], False)


@pytest.mark.parametrize(
    ("addresses", "host", "address"),
    [
        (["10.0.0.11", "192.0.2.1"], "", "10.0.0.11"),
        (["10.0.0.11", "10.0.0.12"], "10.0.0.12", "10.0.0.12"),
        (["10.0.0.11", "10.0.0.12"], "cp1.example.com", ""),
        (["10.0.0.10", "10.0.0.11"], "", "10.0.0.11"),
        (["192.0.2.1"], "", ""),
    ],
)
def test_a_node_whose_address_is_not_known_yet_is_not_tried(
    addresses: list[str], host: str, address: str
) -> None:
    nodes = {"w1": NODES["w1"], "cp1": node("", addresses=addresses)}
    peers = rules.peers(nodes, {**EXPECTED, "hosts": {"cp1": host}})["w1"]
    assert [peer["address"] for peer in peers] == ([address] if address else [])


def test_the_address_that_is_set_is_tried() -> None:
    nodes = {"w1": NODES["w1"], "cp1": node("10.0.0.11", addresses=["10.0.0.11", "10.0.0.12"])}
    more = {"hosts": {"cp1": "10.0.0.11"}, "addresses": {"cp1": "10.0.0.12"}}
    (peer,) = rules.peers(nodes, {**EXPECTED, **more})["w1"]
    assert peer["address"] == "10.0.0.12"


def test_what_the_same_nodes_cannot_reach_is_one_sentence() -> None:
    tcp = [{"name": "cp1", "what": f"TCP {port}", "why": "no answer"} for port in (6443, 8443)]
    udp = [{"name": "cp1", "what": "UDP 8472"}]
    trials: dict[str, dict[str, Any]] = {
        "cp2": {"blocked": tcp, "silent": udp},
        "w1": {"blocked": tcp, "silent": udp},
        "w2": {"blocked": tcp[:1], "silent": []},
        "cp1": {"skipped": True},
    }
    one, other = rules.port_mistakes(trials)
    assert one.startswith("cp2, w1, w2 cannot reach cp1 at TCP 6443 (no answer): let it pass")
    assert other.startswith("cp2, w1 cannot reach cp1 at TCP 8443 (no answer): let it pass")
    (silent,) = rules.silent_ports(trials)
    assert silent.startswith("cp2, w1 got no answer from cp1 at UDP 8472: it is blocked")
    assert rules.port_mistakes({"w1": {"skipped": True}}) == []


def test_listeners_are_read_from_the_kernel(tmp_path: Path) -> None:
    assert preflight_node.listens(tmp_path) == []
    head = "  sl  local_address rem_address   st\n"
    (tmp_path / "udp").write_text(f"{head}  9: 00000000:2118 00000000:0000 07\n")
    (tmp_path / "raw").write_text(f"{head} 58: 00000000:003A 00000000:0000 07\n")
    assert preflight_node.listens(tmp_path) == ["vxlan"]
    (tmp_path / "raw").write_text(f"{head}112: 00000000:0070 00000000:0000 07\n")
    assert preflight_node.listens(tmp_path) == ["vxlan", "vrrp"]
