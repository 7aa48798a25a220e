"""What a node was like is remembered once, before its first change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import node_found

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(node_found, "STATE", tmp_path / "state")
    monkeypatch.setattr(node_found, "FILE", tmp_path / "state" / "found.json")
    monkeypatch.setattr(node_found, "nft_tables", lambda: ["ip nat"])
    return tmp_path


def test_the_first_text_is_kept(state: Path) -> None:
    file = state / "haproxy.cfg"
    file.write_text("from the package\n")
    node_found.Found().file(file)
    file.write_text("ours\n")
    node_found.Found().file(file)
    kept = json.loads((state / "state" / "found.json").read_text())["files"][str(file)]
    assert kept["content"] == "from the package\n"


def test_a_new_file_and_its_new_directories_are_known(state: Path) -> None:
    node_found.Found().file(state / "etc" / "new" / "file.conf")
    kept = json.loads((state / "state" / "found.json").read_text())
    assert kept["files"] == {str(state / "etc" / "new" / "file.conf"): None}
    assert kept["directories"] == [str(state / "etc" / "new"), str(state / "etc")]


def test_the_record_is_for_root_only(state: Path) -> None:
    node_found.Found().file(state / "secret")
    assert (state / "state" / "found.json").stat().st_mode & 0o777 == 0o600


def test_a_host_without_nft_has_no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_found, "SEARCH", str(tmp_path))
    assert node_found.nft_tables() == []
