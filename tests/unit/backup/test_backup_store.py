"""The action that reads an archive of a node and encrypts it, and what refuses before it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pyrage
import pytest
from tests.local_playbooks import run_printed

KEY = pyrage.x25519.Identity.generate()
HOSTS = """
all:
  vars: {ansible_port: 1}  # where nobody listens
  children:
    cluster:
      vars:
        cluster_name: mine
        cluster_node_network: 127.0.0.0/8
        cluster_virtual_address: 127.0.0.10
      children:
        control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}
        workers: {hosts: {w1: {ansible_host: 127.0.0.2}}}
"""
PLAY = """
- hosts: cp1
  connection: local
  gather_facts: false
  tasks:
    - kubedrill.kubeadm.backup_store: {}
      no_log: true
      register: result
      failed_when: false
    - ansible.builtin.copy:
        content: "{{ result | to_json }}"
        dest: "{{ report }}"
      no_log: true
"""
SECRET = os.urandom(9 << 20)
"""More than one piece, and nothing that gzip could make smaller."""


def playbook(folder: Path, path: str, *arguments: str) -> tuple[int, str]:
    return run_printed(folder, HOSTS, path, *arguments, HOME=str(folder))


def store(folder: Path, *more: str, **changes: Any) -> tuple[dict[str, Any], str]:
    """Run the action, and return its result and what Ansible printed."""
    source = folder / "backup.tar"
    source.write_bytes(SECRET)
    arguments = {
        "archive": {
            "path": str(source),
            "bytes": len(SECRET),
            "sha256": hashlib.sha256(SECRET).hexdigest(),
        },
        "directory": str(folder / "backups"),
        "cluster": "mine",
        "taken": "20260101T000000Z",
        "recipients": [str(KEY.to_public())],
        "keep": 1,
        **changes,
    }
    play = PLAY.replace("backup_store: {}", f"backup_store: {json.dumps(arguments)}")
    (folder / "play.yml").write_text(play, encoding="utf-8")
    report = folder / "report.json"
    status, output = playbook(folder, str(folder / "play.yml"), "-e", f"report={report}", *more)
    assert status == 0, output
    return json.loads(report.read_text(encoding="utf-8")), output


def test_an_archive_of_several_pieces_arrives_and_is_printed_nowhere(tmp_path: Path) -> None:
    result, output = store(tmp_path, "-vvvv")
    content = pyrage.decrypt(Path(result["path"]).read_bytes(), [KEY])
    assert gzip.decompress(content) == SECRET
    assert base64.b64encode(SECRET[:60]).decode()[:70] not in output
    assert result["bytes"] == Path(result["path"]).stat().st_size
    assert result["removed"] == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"archive": {"path": "/nowhere", "bytes": 5, "sha256": "x"}}, "No such file"),
        ({"recipients": ["age1x"]}, "'age1x' is no public key"),
        ({"directory": "/proc/none"}, "cannot be written"),
    ],
)
def test_its_failure_can_be_read_although_its_task_has_no_log(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    result, _ = store(tmp_path, **changes)
    assert says in result["msg"]
    assert "path" not in result
    assert not list(tmp_path.glob("backups/*"))


def test_all_mistakes_are_said_at_once_and_no_node_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output = playbook(
        tmp_path,
        "backup.yml",
        "-e",
        json.dumps(
            {
                "backup_recipients": ["age1x", str(KEY)],
                "backup_directory": str(tmp_path / "file"),
                "backup_keep": 0,
            }
        ),
    )
    words = " ".join(output.split())
    assert status != 0
    assert "4 mistakes, nothing was changed" in words
    for text in ("'age1x' is no public key", "private key", "is no directory", "backup_keep is 0"):
        assert text in words
    assert "cannot be reached" not in words
    assert "Traceback" not in words


def test_a_cluster_without_a_healthy_member_gets_no_backup(tmp_path: Path) -> None:
    status, output = playbook(
        tmp_path,
        "backup.yml",
        "-e",
        json.dumps({"backup_recipients": [str(KEY.to_public())]}),
    )
    assert status != 0
    assert "no etcd member of cp1 is healthy" in " ".join(output.split())
    assert not list(tmp_path.rglob("*.age"))
