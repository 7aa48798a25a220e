"""What is written beside a snapshot, by the role itself; etcd's programs are scripts.

The rollback finds it by that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Template

from ansible_collections.kubedrill.kubeadm.plugins.modules import rollback_snapshot
from kubedrill.base.errors import StepFailed
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.playbooks import run_playbook

ROLES = Path(__file__).resolve().parents[3] / "roles"
PLAY = """
- hosts: control_planes
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: kubedrill.kubeadm.etcd_snapshot, tasks_from: save}
"""
ABOUT = {"versions": ["1.35.4"], "to": "1.36.3", "unavailable": []}
SCRIPTS = {
    "etcdctl": '#!/bin/sh\nfor file; do :; done; echo "all of the cluster" > "$file"\n',
    "etcdutl": '#!/bin/sh\necho \'{"revision": 7, "totalKey": 3, "totalSize": 19}\'\n',
}


def save(tmp_path: Path, **programs: str) -> Path:
    """Run the role with these programs and return the directory of snapshots."""
    (tmp_path / "bin").mkdir()
    for name, text in (SCRIPTS | programs).items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "hosts.ini").write_text("[control_planes]\na\n")
    (tmp_path / "play.yml").write_text(PLAY)
    left = tmp_path / "snapshots"
    left.mkdir()
    for day in (1, 2):  # older ones: only the youngest of these may stay beside the new one
        old = left / f"drill-2020010{day}T000000Z.db"
        for path in (old, old.with_suffix(".db.json")):
            path.write_text("{}")
    variables: dict[str, Any] = {
        "etcd_snapshot_programs": str(tmp_path / "bin"),
        "etcd_snapshot_about": ABOUT,
    }
    variables |= {
        "etcd_snapshot_directory": str(left),
        "etcd_snapshot_keep": 2,
        "cluster_name": "drill",
    }
    inventory = Inventory(tmp_path / "hosts.ini", "test", (), {})
    run_playbook(inventory, tmp_path / "play.yml", variables, timeout_s=300)
    return left


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save(tmp_path)


def test_the_rollback_finds_what_the_role_saved(saved: Path) -> None:
    snapshots = sorted(saved.glob("*.db"))
    assert len(snapshots) == 2
    assert sorted(path.name for path in saved.iterdir()) == sorted(
        name for one in snapshots for name in (one.name, f"{one.name}.json")
    )
    assert {
        path.stat().st_mode & 0o777
        for path in saved.glob("*.db*")
        if path.name.startswith(snapshots[-1].name)
    } == {0o600}
    notes, problems = rollback_snapshot.choose(saved, "", "drill", "1.35.4")
    assert (notes["path"], problems) == (str(snapshots[-1]), [])
    assert (notes["about"], notes["bytes"], notes["revision"]) == (ABOUT, 19, 7)
    assert notes["taken"] in snapshots[-1].name
    for path in (snapshots[-1], snapshots[-1].with_suffix(".db.json")):
        assert path.stat().st_mode & 0o777 == 0o600
    snapshots[-1].write_bytes(b"all of the clusteR\n")
    assert (
        "is not usable: its sha256" in rollback_snapshot.choose(saved, "", "drill", "1.35.4")[1][0]
    )


def test_a_snapshot_whose_sum_cannot_be_told_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(StepFailed, match="Save a snapshot of etcd"):
        save(tmp_path, sha256sum="#!/bin/sh\nexit 1\n")
    assert not list(tmp_path.glob("kubedrill-snapshot-*"))
    assert len(list((tmp_path / "snapshots").glob("*.db"))) == 2, "the old ones, and no new one"


def test_no_snapshot_is_read_into_the_node_s_memory(saved: Path) -> None:
    """``fetch`` with ``become`` returns the whole file as one module's answer."""
    assert saved.exists()
    text = (ROLES / "etcd_snapshot" / "tasks" / "save.yml").read_text(encoding="utf-8")
    block = next(task["block"] for task in yaml.safe_load(text) if "block" in task)
    (fetch,) = (task for task in block if "ansible.builtin.fetch" in task)
    templar = Template(fetch["vars"]["ansible_become"])
    assert templar.render() == "False"
    assert templar.render(ansible_become_method="su") == "True", "whose caller is not known"


def test_what_a_killed_run_left_is_removed_and_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("kubedrill-snapshot-old", "kubedrill-snapshot-new", "theirs"):
        (tmp_path / name).mkdir()
    for name in ("kubedrill-snapshot-old", "theirs"):
        os.utime(tmp_path / name, (0, 0))
    save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert "kubedrill-snapshot-old" not in names
    assert {"kubedrill-snapshot-new", "theirs"} <= names
