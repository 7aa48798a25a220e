"""What is done where the node's nft crashes at tables of kube-proxy's newer one (Debian 11, 12)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import (
    kernel_tables,
    node_baseline,
    packet_filter,
)
from ansible_collections.kubedrill.kubeadm.plugins.modules import preflight_node

if TYPE_CHECKING:
    from pathlib import Path


def table(family: int, name: str) -> tuple[int, bytes]:
    """A message of the kernel's dump: NEWTABLE with the attributes name, flags and handle."""
    text = name.encode() + b"\0"
    body = struct.pack("=HH", 4 + len(text), 1) + text + b"\0" * (-len(text) % 4)
    body += struct.pack("=HHI", 8, 2, 0) + struct.pack("=HH8s", 12, 4 | 0x4000, b"\0" * 8)
    return 10 << 8, struct.pack("=BB2s", family, 0, b"\0\0") + body


@pytest.fixture
def crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An nft that crashes whatever it is asked."""
    nft = tmp_path / "nft"
    nft.write_text("#!/bin/sh\nkill -SEGV $$\n")
    nft.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(node_baseline, "SEARCH", str(tmp_path))
    monkeypatch.setattr(preflight_node, "PATH", str(tmp_path))
    return nft


@pytest.mark.usefixtures("crash")
def test_tables_are_asked_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [table(2, "kube-proxy"), table(10, "filter"), table(1, "firewalld")]
    monkeypatch.setattr(kernel_tables, "_ask", lambda _: answer)
    assert node_baseline.nft_tables() == ["ip kube-proxy", "ip6 filter", "inet firewalld"]


def test_a_deletion_names_one_table_in_a_whole_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(kernel_tables, "_ask", sent.append)
    kernel_tables.delete_table("ip6 kube-proxy")
    kinds, families, data = [], [], sent[0]
    while data:
        length, kind, *_ = kernel_tables.HEADER.unpack_from(data)
        kinds.append(kind)
        families.append(data[kernel_tables.HEADER.size])
        data = data[length:]
    assert kinds == [16, 10 << 8 | 2, 17]
    assert families == [0, 10, 0]
    assert b"kube-proxy\0" in sent[0]


def test_the_clusters_tables_go_first_without_nft(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tables are read by nft, which works again once they are gone."""
    done: list[str] = []
    monkeypatch.setattr(packet_filter, "nft_tables", lambda: ["ip filter", "ip kube-proxy"])
    monkeypatch.setattr(packet_filter, "delete_table", lambda table: done.append(f"gone {table}"))

    def run(*argv: str) -> str:
        done.append(" ".join(argv))
        return '{"nftables": []}'

    packet_filter.remove_tables(run, ["ip filter"])
    assert done == ["gone ip kube-proxy", "nft --json list table ip filter"]


def test_an_nft_that_crashes_is_no_missing_kernel_feature(crash: Path) -> None:
    assert preflight_node.has_nftables()
    crash.write_text("#!/bin/sh\necho 'Operation not supported' >&2\nexit 1\n")
    assert not preflight_node.has_nftables()
    crash.unlink()
    assert preflight_node.has_nftables(), "the package is installed later"
