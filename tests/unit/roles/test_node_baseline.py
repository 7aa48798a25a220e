"""What a node was like is recorded once, before its first change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import node_baseline, whole_files
from ansible_collections.kubedrill.kubeadm.plugins.modules import node_sysctl

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(node_baseline, "STATE", tmp_path / "state")
    monkeypatch.setattr(node_baseline, "BASELINE", tmp_path / "state" / "baseline.json")
    monkeypatch.setattr(node_baseline, "nft_tables", lambda: ["ip nat"])
    return tmp_path


def test_the_first_text_is_kept(state: Path) -> None:
    file = state / "haproxy.cfg"
    file.write_text("from the package\n")
    node_baseline.Baseline().file(file)
    file.write_text("ours\n")
    node_baseline.Baseline().file(file)
    recorded = json.loads((state / "state" / "baseline.json").read_text())["files"][str(file)]
    assert recorded["content"] == "from the package\n"


def test_a_new_file_and_its_new_directories_are_known(state: Path) -> None:
    node_baseline.Baseline().file(state / "etc" / "new" / "file.conf")
    recorded = json.loads((state / "state" / "baseline.json").read_text())
    assert recorded["files"] == {str(state / "etc" / "new" / "file.conf"): None}
    assert recorded["directories"] == [str(state / "etc" / "new"), str(state / "etc")]


def test_the_record_is_for_root_only(state: Path) -> None:
    node_baseline.Baseline().file(state / "secret")
    assert (state / "state" / "baseline.json").stat().st_mode & 0o777 == 0o600


def test_the_record_of_an_older_release_is_read_and_gets_its_new_name(state: Path) -> None:
    former = state / "state" / "found.json"
    former.parent.mkdir()
    before = {"files": {"/etc/motd": None}, "directories": [], "services": {}, "tables": ["ip nat"]}
    former.write_text(json.dumps(before))
    assert node_baseline.read_baseline(node_baseline.BASELINE) == before
    node_baseline.Baseline().file(state / "haproxy.cfg")
    recorded = json.loads((state / "state" / "baseline.json").read_text())
    assert recorded["files"] == {"/etc/motd": None, str(state / "haproxy.cfg"): None}
    assert not former.exists()


def test_kernel_settings_recorded_by_an_older_release_are_kept(tmp_path: Path) -> None:
    (tmp_path / "sysctl-found.json").write_text('{"net.ipv4.ip_forward": "0"}')
    node_sysctl.record(
        tmp_path / "sysctl-baseline.json",
        {"net.ipv4.ip_forward": "1", "fs.inotify.max_user_watches": "8192"},
    )
    recorded = json.loads((tmp_path / "sysctl-baseline.json").read_text())
    assert recorded == {"net.ipv4.ip_forward": "0", "fs.inotify.max_user_watches": "8192"}
    assert not (tmp_path / "sysctl-found.json").exists()


def test_a_host_without_nft_has_no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_baseline, "SEARCH", str(tmp_path))
    assert node_baseline.nft_tables() == []


@pytest.mark.parametrize("text", ["", '{"files": {', "[]", "null"])
def test_a_damaged_record_is_named_set_aside_and_written_anew(
    state: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(node_baseline, "warn", warnings.append)
    record = state / "state" / "baseline.json"
    record.parent.mkdir()
    record.write_text(text)
    node_baseline.Baseline().file(state / "haproxy.cfg")
    assert json.loads(record.read_text())["files"] == {str(state / "haproxy.cfg"): None}
    assert record.with_name("baseline.json.damaged").read_text() == text
    assert len(warnings) == 1
    assert f"{record} is damaged" in warnings[0]


def test_a_record_reaches_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        whole_files.os,
        "fsync",
        lambda _: synced.extend(path.read_text() for path in tmp_path.glob(".a.json.new")),
    )
    node_baseline.write_state(tmp_path / "a.json", {"a": 1})
    assert [json.loads(text) for text in synced] == [{"a": 1}]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_kernel_s_former_settings_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = tmp_path / "sysctl-baseline.json"
    node_sysctl.record(baseline, {"net.ipv4.ip_forward": "0"})

    def fail(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(whole_files.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        node_sysctl.record(baseline, {"vm.swappiness": "60"})
    assert node_baseline.read_baseline(baseline) == {"net.ipv4.ip_forward": "0"}
