"""Every door of kubedrill: what is put in gets a sentence and the right status, never a trace."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING

import command_doors
import file_doors
import plan_doors
import pytest
import settings_doors
from doorkit import LONGEST, NEVER, Door

from kubedrill.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

DOORS = [
    *settings_doors.DOORS,
    *plan_doors.DOORS,
    *command_doors.DOORS,
    *file_doors.DOORS,
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a user without a cache or a history."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_door(door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    door.lay(tmp_path)
    status = run(list(door.argv))
    captured = capsys.readouterr()
    answer = " ".join((captured.out + captured.err).split())
    assert status == door.status, answer
    for words in door.says:
        assert words in answer
    lower = answer.replace(str(tmp_path), "")
    assert [words for words in (*NEVER, *door.never) if words in lower] == []
    if door.status:
        assert len(answer) < LONGEST, "nobody reads that"


def test_doors_have_names_of_their_own() -> None:
    names = [door.name for door in DOORS]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
    assert len(names) >= 400


GOOD_PART = {"path": "bin/kubeadm", "size": 4, "sha256": "0"}
GOOD = {"schema": 1, "kubernetes": "v1.35.4", "arch": "amd64", "parts": [GOOD_PART]}


@pytest.mark.parametrize(
    ("version", "manifest", "says"),
    [
        ("1.35.4", {**GOOD, "schema": 2}, "schema 2, expected 1"),
        ("1.35.4", {**GOOD, "parts": []}, "lists no parts"),
        ("1.35.4", {**GOOD, "parts": {}}, "lists no parts"),
        ("1.35.4", {**GOOD, "parts": [{"path": "bin/kubeadm"}]}, "part 1 has no size"),
        ("1.35.4", {**GOOD, "parts": [GOOD_PART, {}]}, "part 2 has no path"),
        ("1.35.4", {**GOOD, "parts": ["x"]}, "part 1 has no path"),
        ("1.35.4", {**GOOD, "parts": [{**GOOD_PART, "path": "../x"}]}, "leaves the bundle"),
        ("1.35.4", {**GOOD, "arch": "arm64"}, "expected 'amd64'"),
        ("1.35.4", [], "is no object"),
        ("1.35.4", None, "is no object"),
        ("latest", GOOD, "three numbers such as 1.35.4"),
        ("../../etc", GOOD, "three numbers such as 1.35.4"),
        ("", GOOD, "three numbers such as 1.35.4"),
    ],
)
def test_a_bundle_at_preflight(tmp_path: Path, version: str, manifest: object, says: str) -> None:
    rules = import_module("ansible_collections.kubedrill.kubeadm.plugins.lookup.preflight_bundle")
    part = tmp_path / "v1.35.4-amd64" / "bin" / "kubeadm"
    part.parent.mkdir(parents=True)
    part.write_text("four")
    (tmp_path / "v1.35.4-amd64" / "bundle.json").write_text(json.dumps(manifest))
    [mistake] = rules.bundle_mistakes(tmp_path, version, "amd64")
    assert says in mistake
    assert "build --kubernetes latest" not in mistake
    assert [words for words in NEVER if words in mistake] == []
