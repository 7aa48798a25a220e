"""What a control plane puts into a backup."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import CommandError
from ansible_collections.kubedrill.kubeadm.plugins.modules import backup_archive
from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import check_manifest

if TYPE_CHECKING:
    from pathlib import Path

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEYS = ["/registry/pods/a/b", "/registry/pods/a/c", "/registry/secrets/a/b"]
STATUS = {"header": {"cluster_id": 255}, "version": "3.7.3"}
NODE = {
    "metadata": {"name": "cp1", "labels": {"node-role.kubernetes.io/control-plane": ""}},
    "status": {
        "nodeInfo": {"kubeletVersion": "v1.37.2"},
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
    },
}


def etcdctl(_program: str, *words: str, **_: Any) -> Any:
    if words[0] == "endpoint":
        return [{"Status": STATUS}]
    assert words[-1] == "--rev=7", "what the snapshot holds, not what came since"
    return {"kvs": [{"key": base64.b64encode(key.encode()).decode()} for key in KEYS]}


def kubectl(_verb: str, kind: str, *_words: str, **_: Any) -> Any:
    return {
        "namespace": {"metadata": {"uid": "u-1"}},
        "nodes": {"items": [NODE]},
        "configmap": {"data": {"ClusterConfiguration": "clusterName: lab\n"}},
    }[kind]


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pki, manifests, saved = (tmp_path / name for name in ("pki", "manifests", "saved"))
    for folder in (pki / "etcd", manifests, saved):
        folder.mkdir(parents=True)
    for name in ("ca.crt", "ca.key", "etcd/ca.key"):
        (pki / name).write_text(PEM)
    (manifests / "kube-apiserver.yaml").write_text("    image: registry.k8s.io/x:v1.37.2\n")
    (saved / "snapshot.db").write_bytes(b"all of etcd")
    monkeypatch.setattr(backup_archive, "PKI", pki)
    monkeypatch.setattr(backup_archive, "MANIFESTS", manifests)
    monkeypatch.setattr(backup_archive, "etcdctl", etcdctl)
    monkeypatch.setattr(backup_archive, "kubectl_json", kubectl)
    return tmp_path


def collect(node: Path) -> tuple[Path, dict[str, Any]]:
    return backup_archive.collect(
        {
            "directory": str(node / "saved"),
            "revision": 7,
            "cluster": "lab",
            "taken": "20260101T000000Z",
            "etcdctl": "etcdctl",
            "timeout": 5,
        }
    )


def test_the_manifest_comes_first_and_says_what_the_rest_is(node: Path) -> None:
    archive, manifest = collect(node)
    check_manifest(manifest)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        text = tar.extractfile("manifest.json")
        assert text is not None
        assert json.loads(text.read()) == manifest
        for name, part in manifest["parts"].items():
            content = tar.extractfile(name)
            assert content is not None
            assert len(content.read()) == part["bytes"]
    assert names[0] == "manifest.json"
    assert names[1:] == list(manifest["parts"])
    pki = f"files{node}/pki"
    assert {f"{pki}/ca.crt", f"{pki}/ca.key", f"{pki}/etcd/ca.key", "etcd/snapshot.db"} < set(names)
    assert manifest["kubernetes"] == "1.37.2"
    assert manifest["identity"]["etcd_cluster_id"] == "ff"
    assert manifest["identity"]["kube_system_uid"] == "u-1"
    assert manifest["etcd"]["kinds"] == {"pods": 2, "secrets": 1}
    assert manifest["nodes"] == [
        {"name": "cp1", "kubelet": "v1.37.2", "address": "10.0.0.1", "control_plane": True}
    ]


def test_only_root_reads_the_archive_and_the_snapshot_is_gone(node: Path) -> None:
    archive, _ = collect(node)
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_an_encryption_configuration_belongs_to_it(node: Path) -> None:
    configuration = node / "enc.yaml"
    manifest = node / "manifests" / "kube-apiserver.yaml"
    manifest.write_text(f"    - --encryption-provider-config={configuration}\n")
    with pytest.raises(CommandError, match=r"enc.yaml cannot be read, and belongs to a backup"):
        collect(node)
    configuration.write_text("keys")
    assert f"files{configuration}" in collect(node)[1]["parts"]


def test_a_node_without_an_authority_is_refused(node: Path) -> None:
    (node / "pki" / "ca.crt").unlink()
    with pytest.raises(CommandError, match=r"ca.crt cannot be read"):
        collect(node)


def test_the_authority_s_digest_is_that_of_its_first_certificate() -> None:
    assert (
        backup_archive.authority_digest(f"text\n{PEM}{PEM}")
        == hashlib.sha256(b"\0\0\0").hexdigest()
    )
