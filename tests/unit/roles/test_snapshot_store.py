"""A stored snapshot is whole on the disk, with its metadata."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import whole_files
from ansible_collections.kubedrill.kubeadm.plugins.modules import etcd_snapshot_store


def fetched(folder: Path, name: str = "lab-2", age_s: float = 0) -> Path:
    path = folder / f"{name}.db.partial"
    path.write_bytes(b"data")
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age_s))
    return path


def test_it_has_its_name_when_it_and_its_metadata_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial, synced, sync = fetched(tmp_path), [], os.fsync

    def fsync(descriptor: int) -> None:
        names = sorted(path.name for path in tmp_path.iterdir())
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), names))
        sync(descriptor)

    monkeypatch.setattr(whole_files.os, "fsync", fsync)
    snapshot, _ = etcd_snapshot_store.store(partial, {"cluster": "lab"}, 3)
    assert json.loads((tmp_path / "lab-2.db.json").read_text()) == {"cluster": "lab"}
    paths = [path for path, _ in synced]
    assert paths[0] == str(partial), "its content, before it has its name"
    assert synced[-1] == (str(tmp_path), ["lab-2.db", "lab-2.db.json"])
    assert snapshot.read_bytes() == b"data"


def test_what_killed_runs_fetched_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = fetched(tmp_path, "lab-0", 90_000), fetched(tmp_path, "lab-1", 3600)
    other = tmp_path / "notes.partial"
    other.write_text("of the user")
    os.utime(other, (0, 0))
    etcd_snapshot_store.store(fetched(tmp_path), {}, 3)
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


@pytest.mark.parametrize("most", [1, 2])
def test_the_oldest_are_removed_with_their_metadata(tmp_path: Path, most: int) -> None:
    for number in range(3):
        etcd_snapshot_store.store(fetched(tmp_path, f"lab-{number}", 30 - number), {}, most)
    remaining = [f"lab-{number}.db" for number in range(3 - most, 3)]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted([*remaining, *(f"{name}.json" for name in remaining)])
