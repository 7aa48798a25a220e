"""A node's own address, where it has several."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.modules import node_facts

if TYPE_CHECKING:
    from pathlib import Path

CARDS = {
    "lo": ["127.0.0.1"],
    "docker0": ["172.17.0.1"],
    "eth0": ["172.20.0.10", "172.20.0.11"],
    "eth1": ["172.21.0.11", "192.0.2.11"],
}


@pytest.fixture
def flags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The kubelet's flags; ``ip -j address`` lists CARDS."""
    listed = [
        {
            "ifname": name,
            "mtu": 1500,
            "addr_info": [{"family": "inet", "local": address} for address in addresses],
        }
        for name, addresses in CARDS.items()
    ]
    done = SimpleNamespace(stdout=json.dumps(listed))
    monkeypatch.setattr(node_facts.subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(node_facts, "KUBELET_FLAGS", tmp_path / "kubeadm-flags.env")
    return tmp_path / "kubeadm-flags.env"


@pytest.mark.usefixtures("flags")
@pytest.mark.parametrize(
    ("network", "prefer", "address"),
    [
        ("192.0.2.0/24", "", "192.0.2.11"),
        ("172.20.0.0/24", "", "172.20.0.11"),
        ("172.16.0.0/12", "", "172.20.0.11"),
        ("172.16.0.0/12", "172.21.0.11", "172.21.0.11"),
        ("172.16.0.0/12", "192.0.2.11", "172.20.0.11"),
        ("172.16.0.0/12", "cp1.example.com", "172.20.0.11"),
        ("172.17.0.0/16", "", "172.17.0.1"),
    ],
)
def test_the_address_is_that_of_a_card_or_what_ansible_reaches(
    network: str, prefer: str, address: str
) -> None:
    assert node_facts.node_address(network, "172.20.0.10", prefer)["address"] == address


def test_a_member_keeps_the_address_that_its_kubelet_has(flags: Path) -> None:
    flags.write_text('KUBELET_KUBEADM_ARGS="--node-ip=172.21.0.11 --v=2"\n')
    chosen = node_facts.node_address("172.16.0.0/12", "172.20.0.10", "172.20.0.11")
    assert chosen == {"address": "172.21.0.11", "interface": "eth1", "mtu": 1500}
    flags.write_text('KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.9"\n')
    assert node_facts.node_address("192.0.2.0/24", "", "")["address"] == "192.0.2.11"


@pytest.mark.usefixtures("flags")
def test_a_node_without_such_an_address() -> None:
    assert node_facts.node_address("198.51.100.0/24", "", "198.51.100.7") == {}
