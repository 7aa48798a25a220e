"""Backups as files: what is written can be read, and nothing else is taken for one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyrage
import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import etcd_keys
from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils import backup_file
from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    BackupError,
    backups_of,
    directory_mistakes,
    prune,
    read_backup,
    read_identities,
    read_recipients,
    write_backup,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = pyrage.x25519.Identity.generate()
SECRET = b"the key of the authority" * 5000
TAKEN = "20260101T000000Z"


def archive(changes: dict[str, Any] | None = None, **contents: bytes) -> bytes:
    """An archive as a node makes it; ``contents`` take the places of its parts."""
    parts = {"files/etc/kubernetes/pki/ca.crt": b"certificate", "etcd/snapshot.db": SECRET}
    manifest: dict[str, Any] = {
        "schema": 1,
        "cluster": "lab",
        "taken": TAKEN,
        "kubernetes": "1.37.2",
        "identity": {"kube_system_uid": "1", "etcd_cluster_id": "2", "ca_sha256": "3"},
        "etcd": {"version": "3.7.3", "revision": 7, "keys": 2, "kinds": {"pods": 2}},
        "nodes": [{"name": "cp1", "kubelet": "v1.37.2"}],
        "parts": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in parts.items()
        },
        **(changes or {}),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w|") as tar:
        members = {"manifest.json": json.dumps(manifest).encode(), **parts, **contents}
        for name, content in members.items():
            if content is not None:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


def expected(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write(folder: Path, content: bytes | None = None, name: str = f"lab-{TAKEN}") -> Path:
    whole = archive() if content is None else content
    path = folder / f"{name}.tar.gz.age"
    write_backup(path, pieces(whole), [KEY.to_public()], expected(whole))
    return path


def test_what_was_written_is_read_and_stands_nowhere_in_the_clear(tmp_path: Path) -> None:
    path, received = write(tmp_path / "new" / "backups"), io.BytesIO()

    def receive(manifest: dict[str, Any], name: str) -> IO[bytes] | None:
        assert manifest["cluster"] == "lab"
        return received if name == "etcd/snapshot.db" else None

    assert read_backup(path, [KEY], receive)["etcd"]["revision"] == 7
    assert received.getvalue() == SECRET
    assert b"authority" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_age_and_tar_read_it_without_kubedrill(tmp_path: Path) -> None:
    content = pyrage.decrypt(write(tmp_path).read_bytes(), [KEY])
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
        assert tar.getnames()[0] == "manifest.json"


def test_it_has_its_name_when_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, sync = [], os.fsync

    def fsync(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced.append((place, sorted(path.name for path in tmp_path.iterdir())))
        sync(descriptor)

    monkeypatch.setattr(backup_file.os, "fsync", fsync)
    path = write(tmp_path)
    partial = f".{path.name}.partial"
    assert synced == [(partial, [partial]), (tmp_path.name, [path.name])]


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_of_one_that_failed(tmp_path: Path, error: BaseException) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise error

    with pytest.raises(type(error)):
        write_backup(tmp_path / "lab.tar.gz.age", failing(), [KEY.to_public()], {})
    assert list(tmp_path.iterdir()) == []


def test_what_the_node_did_not_sum_is_no_backup(tmp_path: Path) -> None:
    whole = archive()
    with pytest.raises(BackupError, match="came from the node, expected 3 with abc"):
        write_backup(
            tmp_path / "lab.tar.gz.age",
            pieces(whole),
            [KEY.to_public()],
            {"bytes": 3, "sha256": "abc"},
        )
    assert list(tmp_path.iterdir()) == []


def cut(content: bytes) -> bytes:
    return content[:-40]


def tampered(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cut, "it was cut or changed"),
        (tampered, "it was cut or changed"),
        (lambda content: content[:100], "it was cut or changed"),
        (lambda _content: b"", "no file of age"),
        (lambda _content: b"hello", "no file of age"),
        (
            lambda _content: pyrage.encrypt(b"hello", [KEY.to_public()]),
            "it is no backup of kubedrill",
        ),
        (
            lambda _content: pyrage.encrypt(b"x", [pyrage.x25519.Identity.generate().to_public()]),
            "other keys than those of the key file",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, change: Any, says: str) -> None:
    path = write(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BackupError, match=says):
        read_backup(path, [KEY])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (archive(**{"etcd/snapshot.db": b"other"}), r"etcd/snapshot.db has 5 bytes with sha256"),
        (archive(**{"etcd/snapshot.db": None}), "etcd/snapshot.db is missing"),  # type: ignore[arg-type]
        (archive(more=b"x"), "more is not in its manifest"),
        (archive({"parts": {}}), "etcd/snapshot.db is missing"),
        (archive({"parts": []}), "it is no backup of kubedrill"),
        (archive({"schema": 2}), "schema 2, this release reads 1"),
        (archive({"taken": "today"}), "it is no backup of kubedrill"),
        (archive({"kubernetes": "../../tmp/1.37.2"}), "is no release of Kubernetes"),
        (archive({"etcd": {}}), "it is no backup of kubedrill"),
        (
            archive({"etcd": {"version": "3", "revision": "7", "keys": 2, "kinds": {}}}),
            "another value for a number",
        ),
        (archive({"cluster": 5}), "another value for a text"),
        (archive(**{"manifest.json": b"[]"}), "it is no backup of kubedrill"),
        (archive(**{"manifest.json": b"{"}), "it is no backup of kubedrill"),
    ],
)
def test_an_archive_that_is_not_what_its_manifest_says_is_refused(
    tmp_path: Path, content: bytes, says: str
) -> None:
    with pytest.raises(BackupError, match=says):
        read_backup(write(tmp_path, content), [KEY])


def test_all_that_is_wrong_with_an_archive_is_said_at_once(tmp_path: Path) -> None:
    content = archive(**{"etcd/snapshot.db": b"other", "more": b"x"})
    with pytest.raises(BackupError) as caught:
        read_backup(write(tmp_path, content), [KEY])
    assert len(caught.value.mistakes) == 2


@pytest.mark.parametrize(
    ("value", "mistakes"),
    [
        ([], ["backup_recipients is empty"]),
        ([str(KEY.to_public())], []),
        ([f" {KEY.to_public()} ", str(KEY.to_public())], []),
        (["age1xyz", "ssh-ed25519 AAAA me"], ["'age1xyz' is no public", "'ssh-ed25519 AAAA me'"]),
        ([str(KEY)], ["holds a private key"]),
    ],
)
def test_recipients(value: Any, mistakes: list[str]) -> None:
    recipients, actual = read_recipients(value)
    assert len(actual) == len(mistakes)
    for words, sentence in zip(mistakes, actual, strict=True):
        assert words in sentence
    assert str(KEY) not in "".join(actual)
    assert bool(recipients) == (not mistakes)


def test_without_pyrage_a_mistake_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_file, "pyrage", None)
    assert "pip install pyrage" in read_recipients(["age1x"])[1][0]
    with pytest.raises(BackupError, match="pip install pyrage"):
        read_identities(tmp_path / "key")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# created\nSECRET\n", ""),
        ("", "holds no private key"),
        ("PUBLIC\n", "holds no private key"),
        ("AGE-SECRET-KEY-1XYZ", "holds no usable key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", "holds no usable key"),
        (b"\xff\xfe", "it is no text"),
        (None, "No such file"),
    ],
)
def test_key_files(tmp_path: Path, text: str | bytes | None, says: str) -> None:
    path = tmp_path / "backup.key"
    if text is not None:
        whole = text if isinstance(text, bytes) else text.encode()
        whole = whole.replace(b"PUBLIC", str(KEY.to_public()).encode())
        path.write_bytes(whole.replace(b"SECRET\n", f"{KEY}\n".encode()))
    if not says:
        assert len(read_identities(path)) == 1
        return
    with pytest.raises(BackupError, match=says) as caught:
        read_identities(path)
    assert "XYZ" not in str(caught.value)


def test_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert directory_mistakes(tmp_path / "new" / "er") == []
    assert "is no directory" in directory_mistakes(tmp_path / "file" / "backups")[0]
    monkeypatch.setattr(backup_file.os, "access", lambda *_: False)
    assert "cannot be written by this user" in directory_mistakes(tmp_path / "new")[0]


def days(folder: Path, *numbers: int) -> list[Path]:
    return [write(folder, name=f"lab-2026010{day}T000000Z") for day in numbers]


def prove(path: Path, sha256: str = "") -> Path:
    proof = Path(f"{path}.proof.json")
    proof.write_text(json.dumps({"sha256": sha256 or backup_file.sum_file(path)}))
    return proof


def test_the_oldest_are_pruned_with_their_proofs(tmp_path: Path) -> None:
    first, second, third = days(tmp_path, 1, 2, 3)
    proof = prove(first)
    prove(third)
    assert prune(tmp_path, "lab", 2) == [first]
    assert not proof.exists()
    assert backups_of(tmp_path, "lab") == [third, second]


def test_the_newest_proven_one_is_never_pruned(tmp_path: Path) -> None:
    first, second, third, fourth = days(tmp_path, 1, 2, 3, 4)
    prove(first)
    prove(second)
    assert prune(tmp_path, "lab", 1) == [third, first]
    assert backups_of(tmp_path, "lab") == [fourth, second]


@pytest.mark.parametrize("proof", ["{", "[]", '{"sha256": "of another file"}', "{}"])
def test_a_proof_of_something_else_proves_nothing(tmp_path: Path, proof: str) -> None:
    first, second = days(tmp_path, 1, 2)
    Path(f"{first}.proof.json").write_text(proof)
    assert prune(tmp_path, "lab", 1) == [first]
    assert backups_of(tmp_path, "lab") == [second]


def test_files_of_others_are_not_pruned(tmp_path: Path) -> None:
    days(tmp_path, 1, 2)
    others = [tmp_path / name for name in ("lab-2-20260101T000000Z.tar.gz.age", "lab.tar.gz.age")]
    old = tmp_path / ".lab-20250101T000000Z.tar.gz.age.partial"
    young = tmp_path / ".lab-20250102T000000Z.tar.gz.age.partial"
    for path in (*others, old, young):
        path.touch()
    os.utime(old, (0, 0))
    prune(tmp_path, "lab", 1)
    assert [path.exists() for path in (*others, old, young)] == [True, True, False, True]


def test_keys_are_counted_by_kind() -> None:
    keys = ["/registry/pods/a/b", "/registry/pods/a/c", "/registry/services/specs/a/b", "other"]
    answer = {"kvs": [{"key": base64.b64encode(key.encode()).decode()} for key in keys]}
    assert etcd_keys.count_kinds(etcd_keys.keys_of(answer)) == {
        "other": 1,
        "pods": 2,
        "services/specs": 1,
    }
    assert etcd_keys.keys_of({}) == []
