from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.bundle.errors import Corrupt
from kubedrill.bundle.manifest import read_manifest, verify

if TYPE_CHECKING:
    from pathlib import Path


def test_a_whole_bundle_is_accepted(small_bundle: Path) -> None:
    assert [part.name for part in verify(small_bundle).parts] == ["kubeadm", "pause"]


def test_all_faults_are_listed_at_once(small_bundle: Path) -> None:
    (small_bundle / "bin/kubeadm").write_bytes(b"x" * 70)
    (small_bundle / "images/pause.tar").unlink()
    (small_bundle / "bin/extra").write_bytes(b"")
    with pytest.raises(Corrupt) as caught:
        verify(small_bundle)
    text = str(caught.value)
    assert "3 faults" in text
    assert "bin/kubeadm: sha256 " in text
    assert "images/pause.tar: missing" in text
    assert "bin/extra: not in bundle.json" in text
    assert "kubedrill bundle build" in text
    assert caught.value.exit_code == 2


def test_a_cut_file_is_named_with_both_sizes(small_bundle: Path) -> None:
    (small_bundle / "bin/kubeadm").write_bytes(b"kube")
    with pytest.raises(Corrupt, match=r"bin/kubeadm: 4 bytes, expected 70"):
        verify(small_bundle)


def change(folder: Path, **changes: Any) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_another_architecture_is_refused(small_bundle: Path) -> None:
    change(small_bundle, arch="arm64")
    with pytest.raises(Corrupt, match="it is for arm64"):
        verify(small_bundle)


def test_a_bundle_in_the_folder_of_another_version_is_refused(small_bundle: Path) -> None:
    change(small_bundle, kubernetes="v1.36.3")
    with pytest.raises(Corrupt, match=r"says v1\.36\.3-amd64, its folder is v1\.35\.4-amd64"):
        verify(small_bundle)


def test_another_schema_is_refused_before_anything_else(small_bundle: Path) -> None:
    change(small_bundle, schema=2, parts="?")
    with pytest.raises(Corrupt, match="schema 2, this version of kubedrill reads 1"):
        read_manifest(small_bundle)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"path": "../../etc/passwd"}, r"parts\[0\]\.path: leaves the bundle, found '\.\./"),
        ({"path": "-x"}, r"parts\[0\]\.path: expected letters, digits"),
        ({"path": "bin/a\nb"}, r"parts\[0\]\.path: expected letters, digits"),
        ({"path": "bin/$(id)"}, r"parts\[0\]\.path: expected letters, digits"),
        ({"path": "bin/" + "a" * 400}, r"parts\[0\]\.path: expected letters, digits"),
        ({"image": "--all"}, r"parts\[0\]\.image: expected an image's name"),
        ({"size": "7"}, r"parts\[0\]\.size: expected a whole number, found '7'"),
        ({"kind": "script"}, "kind: expected 'binary', 'cni' or 'image', found 'script'"),
        ({"colour": "red"}, "colour is not known here"),
        ({"version": None}, "version: expected text"),
        ({"nodes": None}, "nodes: expected a list, found nothing"),
    ],
)
def test_a_part_of_the_wrong_form_is_refused(
    small_bundle: Path, broken: dict[str, Any], says: str
) -> None:
    parts = json.loads((small_bundle / "bundle.json").read_text())["parts"]
    change(small_bundle, parts=[{**parts[0], **broken}, parts[1]])
    with pytest.raises(Corrupt, match=says):
        read_manifest(small_bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}'])
def test_half_a_manifest_is_refused(small_bundle: Path, text: str) -> None:
    (small_bundle / "bundle.json").write_text(text)
    with pytest.raises(Corrupt):
        read_manifest(small_bundle)


def test_a_folder_without_manifest_is_half_written(small_bundle: Path) -> None:
    (small_bundle / "bundle.json").unlink()
    with pytest.raises(Corrupt, match="half-written"):
        verify(small_bundle)


def test_no_folder_at_all_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="bundle build"):
        verify(tmp_path / "v1.35.4-amd64")
