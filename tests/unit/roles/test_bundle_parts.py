"""bundle_parts installs what is whole, once, and nothing that is not what bundle.json says."""

from __future__ import annotations

import hashlib
import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import paced_writing, part_installer
from ansible_collections.kubedrill.kubeadm.plugins.modules import bundle_parts as parts

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"#!/bin/true\n" * 1000


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    root = tmp_path / "bundle"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "kubeadm").write_bytes(CONTENT)
    (root / "bundle.json").write_text(json.dumps(manifest()))
    return root


def manifest() -> dict[str, Any]:
    digest = hashlib.sha256(CONTENT).hexdigest()
    shared = {"kind": "binary", "size": len(CONTENT), "sha256": digest}
    return {
        "parts": [
            {
                "name": "kubeadm",
                "path": "bin/kubeadm",
                "nodes": ["control_plane", "worker"],
                **shared,
            },
            {"name": "etcdctl", "path": "bin/etcdctl", "nodes": ["control_plane"], **shared},
        ]
    }


def installer(bundle: Path, **changes: Any) -> Any:
    params = {
        "bundle": str(bundle),
        "memory": str(bundle.parent / "parts.json"),
        "manifest": json.dumps(manifest()),
        "role": "worker",
        "kinds": ["binary"],
        "only": [],
        "gentle": False,
        "bin_dir": str(bundle.parent / "usr" / "bin"),
        "cni_dir": str(bundle.parent / "cni"),
        **changes,
    }

    def fail_json(msg: str) -> None:
        raise AssertionError(msg)

    return parts.Installer(SimpleNamespace(params=params, fail_json=fail_json))


def install_all(bundle: Path) -> list[str]:
    one = installer(bundle)
    missing = [part for part in one.select(manifest()) if not one.done(part, set())]
    one.install_all(missing, copied_anew=False)
    return [part["name"] for part in missing]


@pytest.mark.parametrize(
    "broken",
    [
        {"path": "../../etc/cron.d/x"},
        {"path": "/etc/cron.d/x"},
        {"path": "-x"},
        {"path": "bin/a b"},
        {"path": "bin/a\0b"},
        {"kind": "image", "image": "--all"},
        {"kind": "image", "image": None},
    ],
)
def test_a_part_whose_name_is_no_file_s_or_image_s_is_refused(
    bundle: Path, broken: dict[str, Any]
) -> None:
    """A corrupt part is removed by its path, and an image is named to ctr."""
    bad = manifest()
    bad["parts"][1] |= broken
    one = installer(bundle)
    with pytest.raises(AssertionError, match="expected paths of files in the bundle"):
        one.select(bad)


def test_a_worker_gets_what_workers_need(bundle: Path) -> None:
    assert install_all(bundle) == ["kubeadm"]
    installed = bundle.parent / "usr" / "bin" / "kubeadm"
    assert installed.read_bytes() == CONTENT
    assert installed.stat().st_mode & 0o777 == 0o755


def test_a_gentle_copy_goes_to_the_disk_bit_by_bit(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_installer, "CHUNK", 1000)
    monkeypatch.setattr(paced_writing, "SYNC_BYTES", 4000)
    there: list[int] = []
    monkeypatch.setattr(
        os, "fdatasync", lambda descriptor: there.append(os.fstat(descriptor).st_size)
    )
    installer(bundle, gentle=True).install(manifest()["parts"][0])
    assert (bundle.parent / "usr" / "bin" / "kubeadm").read_bytes() == CONTENT
    assert there == [4000, 8000, 12000]


def test_what_is_installed_is_not_read_again(bundle: Path) -> None:
    install_all(bundle)
    assert install_all(bundle) == []


def test_a_changed_program_is_installed_again(bundle: Path) -> None:
    install_all(bundle)
    (bundle.parent / "usr" / "bin" / "kubeadm").write_bytes(b"something else")
    assert install_all(bundle) == ["kubeadm"]


def test_a_corrupt_part_is_refused_and_the_old_program_stays(bundle: Path) -> None:
    target = bundle.parent / "usr" / "bin" / "kubeadm"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"old")
    (bundle / "bin" / "kubeadm").write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(parts.BadPartError, match="is corrupt"):
        install_all(bundle)
    assert target.read_bytes() == b"old"


def test_half_a_part_is_absent(bundle: Path) -> None:
    (bundle / "bin" / "kubeadm").write_bytes(CONTENT[:100])
    one = installer(bundle)
    assert one.absent(one.select(manifest())) == ["bin/kubeadm"]


def test_another_bundle_json_is_absent(bundle: Path) -> None:
    (bundle / "bundle.json").write_text("{}")
    one = installer(bundle)
    assert one.absent(one.select(manifest())) == ["bundle.json"]


def test_only_named_parts(bundle: Path) -> None:
    one = installer(bundle, role="control_plane", only=["etcdctl"])
    assert [part["name"] for part in one.select(manifest())] == ["etcdctl"]


CTR = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$*" in *" import "*) cat > /dev/null;;
*==pinned*) echo example.test/new:1;;
*" ls "*) printf '%s\\n' example.test/new:1 example.test/old:1 example.test/theirs:1;;
esac
"""


def image(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return {
        "name": name, "path": f"images/{name}.tar", "nodes": ["worker"], "kind": "image",
        "size": len(CONTENT), "sha256": digest, "image": f"example.test/{name}:1",
    }  # fmt: skip


def test_images_are_pinned_when_they_are_imported_and_those_of_older_releases_later(
    bundle: Path,
) -> None:
    programs = bundle.parent / "usr" / "bin"
    programs.mkdir(parents=True)
    (programs / "ctr").write_text(CTR)
    (programs / "ctr").chmod(0o755)
    (bundle / "images").mkdir()
    (bundle / "images" / "third.tar").write_bytes(CONTENT)
    one = installer(bundle)
    one.install(image("third"))
    (call,) = (programs / "calls").read_text().splitlines()
    assert " import --label io.cri-containerd.pinned=pinned " in call
    unpinned = one.unpinned([image("new"), image("old")], one.images())
    assert unpinned == ["example.test/old:1"], "neither pinned ones nor those of others"


def test_a_damaged_memory_is_written_anew(bundle: Path) -> None:
    install_all(bundle)
    (bundle.parent / "parts.json").write_text('{"/usr/local/bin/ku')
    assert install_all(bundle) == ["kubeadm"]
    assert install_all(bundle) == []


class Ended(Exception):
    """The module's answer."""


def run(bundle: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, Any]:
    """Run the whole module and return its answer."""

    def end(**answer: Any) -> None:
        raise Ended(answer)

    params = {**installer(bundle).module.params, "copied": False, **changes}
    module = SimpleNamespace(params=params, check_mode=False, exit_json=end, fail_json=end)
    monkeypatch.setattr(parts, "AnsibleModule", lambda **_: module)
    with pytest.raises(Ended) as caught:
        parts.main()
    answer: dict[str, Any] = caught.value.args[0]
    return answer


def test_wrong_bytes_of_the_right_size_are_copied_again(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "bin" / "kubeadm").write_bytes(CONTENT[:-1] + b"?")
    answer = run(bundle, monkeypatch)
    assert ("msg" in answer, answer["absent"]) == (False, ["bin/kubeadm"])
    assert not (bundle / "bin" / "kubeadm").exists(), "so that a killed run's next one copies it"
    (bundle / "bin" / "kubeadm").write_bytes(CONTENT)
    assert run(bundle, monkeypatch, copied=True)["installed"] == ["kubeadm"]


def test_wrong_bytes_after_a_copy_are_the_controller_s(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "bin" / "kubeadm").write_bytes(CONTENT[:-1] + b"?")
    assert "is corrupt: its sha256 is" in run(bundle, monkeypatch, copied=True)["msg"]
    (bundle / "bin" / "kubeadm").write_bytes(CONTENT[:-1])
    assert "although it was copied" in run(bundle, monkeypatch, copied=True)["msg"]


def test_wrong_bytes_of_a_mounted_bundle_are_the_controller_s(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "bin" / "kubeadm").write_bytes(CONTENT[:-1] + b"?")
    monkeypatch.setattr(parts.os, "access", lambda *_: False)
    assert "is corrupt" in run(bundle, monkeypatch)["msg"]
    assert (bundle / "bin" / "kubeadm").exists()
