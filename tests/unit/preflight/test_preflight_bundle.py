"""A bundle that is missing, half-written or corrupt is found before it is used."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "v1.35.4-amd64"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "kubeadm").write_bytes(b"program")
    part = {"path": "bin/kubeadm", "size": 7, "sha256": hashlib.sha256(b"program").hexdigest()}
    (root / "bundle.json").write_text(
        json.dumps({"kubernetes": "v1.35.4", "arch": "amd64", "parts": [part]})
    )
    return tmp_path


def test_a_whole_bundle(bundle_rules: ModuleType, source: Path) -> None:
    assert bundle_rules.bundle_mistakes(source, "1.35.4", "amd64", checksums=True) == []


def test_no_bundle_of_that_version(bundle_rules: ModuleType, source: Path) -> None:
    (mistake,) = bundle_rules.bundle_mistakes(source, "1.36.3", "amd64")
    assert "no bundle v1.36.3-amd64" in mistake
    assert "found: v1.35.4-amd64" in mistake


def test_half_written(bundle_rules: ModuleType, source: Path) -> None:
    (source / "v1.35.4-amd64" / "bundle.json").unlink()
    assert "half-written" in bundle_rules.bundle_mistakes(source, "1.35.4", "amd64")[0]


def test_truncated_part(bundle_rules: ModuleType, source: Path) -> None:
    (source / "v1.35.4-amd64" / "bin" / "kubeadm").write_bytes(b"prog")
    assert "has 4 bytes, expected 7" in bundle_rules.bundle_mistakes(source, "1.35.4", "amd64")[0]


def test_missing_part(bundle_rules: ModuleType, source: Path) -> None:
    (source / "v1.35.4-amd64" / "bin" / "kubeadm").unlink()
    assert "bin/kubeadm is missing" in bundle_rules.bundle_mistakes(source, "1.35.4", "amd64")[0]


def test_changed_part_of_the_same_size(bundle_rules: ModuleType, source: Path) -> None:
    (source / "v1.35.4-amd64" / "bin" / "kubeadm").write_bytes(b"PROGRAM")
    assert bundle_rules.bundle_mistakes(source, "1.35.4", "amd64") == []
    assert "sha256" in bundle_rules.bundle_mistakes(source, "1.35.4", "amd64", checksums=True)[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_unreadable_manifest(bundle_rules: ModuleType, source: Path, text: str) -> None:
    (source / "v1.35.4-amd64" / "bundle.json").write_text(text)
    assert "corrupt" in bundle_rules.bundle_mistakes(source, "1.35.4", "amd64")[0]


def test_another_architecture_inside(bundle_rules: ModuleType, source: Path) -> None:
    (source / "v1.35.4-amd64").rename(source / "v1.35.4-arm64")
    assert (
        "arch 'amd64', expected 'arm64'"
        in bundle_rules.bundle_mistakes(source, "1.35.4", "arm64")[0]
    )


def test_no_image_of_the_policy_engine_that_is_asked_for(
    bundle_rules: ModuleType, source: Path
) -> None:
    (mistake,) = bundle_rules.bundle_mistakes(
        source, "1.35.4", "amd64", engine="kube-network-policies"
    )
    assert "has no image of kube-network-policies, which network_policy_engine asks for" in mistake
    assert "kubedrill bundle build --kubernetes 1.35.4 --source upstream" in mistake
    path = source / "v1.35.4-amd64" / "bundle.json"
    manifest = json.loads(path.read_text())
    manifest["parts"][0]["name"] = "kube-network-policies"
    path.write_text(json.dumps(manifest))
    assert (
        bundle_rules.bundle_mistakes(source, "1.35.4", "amd64", engine="kube-network-policies")
        == []
    )
