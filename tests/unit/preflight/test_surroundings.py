"""What preflight reads of a node's surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.modules import preflight_node

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("file", "text", "servers"),
    [
        ("chrony/chrony.conf", "pool 2.debian.pool.ntp.org iburst\n", []),
        ("chrony.conf", "# server 10.0.0.8\nserver 10.100.1.5 iburst minpoll 4\n", ["10.100.1.5"]),
        ("chrony/sources.d/dhcp.sources", "server 10.0.0.7 iburst", ["10.0.0.7"]),
        ("ntp.conf", "  peer fd00::7 prefer\nrestrict 10.0.0.1\n", ["fd00::7"]),
        ("openntpd/ntpd.conf", "servers 192.0.2.4\n", ["192.0.2.4"]),
        (
            "systemd/timesyncd.conf.d/lab.conf",
            "[Time]\nNTP=10.100.1.5 time.lab\nFallbackNTP=10.100.1.6\n#NTP=10.0.0.9",
            ["10.100.1.5", "10.100.1.6"],
        ),
    ],
)
def test_time_servers_are_those_of_the_usual_programs(
    tmp_path: Path, file: str, text: str, servers: list[str]
) -> None:
    assert preflight_node.time_servers(tmp_path) == []
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert preflight_node.time_servers(tmp_path) == servers


@pytest.mark.parametrize(
    ("flags", "address"),
    [
        ('KUBELET_KUBEADM_ARGS="--node-ip=192.0.2.11 --pod-infra-container-image=x"', "192.0.2.11"),
        ('KUBELET_KUBEADM_ARGS="--v=2"', ""),
        ("", ""),
    ],
)
def test_the_address_that_a_node_joined_with(flags: str, address: str) -> None:
    assert preflight_node.node_ip(flags) == address
