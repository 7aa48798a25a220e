"""What a restore refuses, what it sends, and what kubeadm begins with."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from test_backup_file import KEY, archive, write
from test_backup_store import playbook

from ansible_collections.kubedrill.kubeadm.plugins.action.backup_send import staged_name
from ansible_collections.kubedrill.kubeadm.plugins.filter.restore_plan import (
    AUTHORITIES,
    ENCRYPTION,
    PKI,
    backup_mistakes,
    node_mistakes,
    old_nodes,
    restored_configuration,
)
from ansible_collections.kubedrill.kubeadm.plugins.lookup import backup_contents
from ansible_collections.kubedrill.kubeadm.plugins.modules import kubeadm_member

CONFIGURATION = "networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}\n"
EXPECTED = {
    "cluster": "lab",
    "pod_network": "10.244.0.0/16",
    "service_network": "10.96.0.0/12",
    "security_profile": "baseline",
    "limit": "",
}
EMPTY = {"member": "none", "leftovers": []}


def backup(**changes: Any) -> dict[str, Any]:
    manifest = {
        "cluster": "lab",
        "kubernetes": "1.37.2",
        "parts": {f"{PKI}{name}": {} for name in AUTHORITIES},
    }
    return {
        "mistakes": [],
        "manifest": {**manifest, **changes},
        "configuration": CONFIGURATION,
        "sha256": "abc",
    }


def test_a_backup_of_this_cluster_is_taken() -> None:
    assert backup_mistakes(backup(), EXPECTED, "1.37.2") == []


def test_all_that_is_wrong_with_a_backup_is_said_at_once() -> None:
    expected = {**EXPECTED, "service_network": "10.0.0.0/12", "limit": "cp1"}
    mistakes = backup_mistakes(backup(cluster="other", parts={}), expected, "1.36.3")
    assert len(mistakes) == 5
    for words in (
        "leave out --limit",
        "a backup of cluster other, expected lab",
        "-e cluster_kubernetes_version=1.37.2",
        "lacks ca.crt, ca.key",
        "cluster_service_network is 10.0.0.0/12",
    ):
        assert words in " ".join(mistakes)


def test_a_backup_of_another_profile_or_with_other_files_is_refused() -> None:
    parts = {f"{PKI}{name}": {} for name in AUTHORITIES}
    hardened = backup(parts={**parts, ENCRYPTION: {}})
    assert backup_mistakes(hardened, {**EXPECTED, "security_profile": "hardened"}, "1.37.2") == []
    (mistake,) = backup_mistakes(hardened, EXPECTED, "1.37.2")
    assert mistake.endswith("the inventory asks for baseline: set it to hardened")
    crafted = backup(parts={**parts, "files/etc/kubernetes/manifests/x.yaml": {}})
    (mistake,) = backup_mistakes(crafted, EXPECTED, "1.37.2")
    assert "restore_from has files/etc/kubernetes/manifests/x.yaml" in mistake


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (f"{PKI}ca.key", f"{PKI}ca.key"),
        (ENCRYPTION, ENCRYPTION),
        ("ca.key", ""),
        ("files/../ca.key", ""),
        ("files/etc/shadow", ""),
        (f"{PKI}../manifests/x.yaml", ""),
    ],
)
def test_only_files_that_a_cluster_keeps_reach_a_node(part: str, name: str) -> None:
    assert staged_name(part) == name


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ({"member": "member", "leftovers": []}, "w1 is a member of a cluster"),
        ({"member": "half", "leftovers": []}, "w1 has an installation that was interrupted"),
        ({"member": "foreign", "leftovers": ["/var/lib/etcd/x"]}, "cluster (/var/lib/etcd/x)"),
    ],
)
def test_machines_that_are_not_empty_are_named(node: dict[str, Any], says: str) -> None:
    nodes = {"cp1": EMPTY, "w1": node}
    (mistake,) = node_mistakes(nodes, "", backup())
    assert says in mistake
    assert "playbooks/reset.yml" in mistake
    assert node_mistakes(nodes, "abc", backup()) == [], "the same restore goes on"
    assert len(node_mistakes(nodes, "of another", backup())) == 2
    assert node_mistakes({"cp1": EMPTY}, "", backup()) == []


def test_kubeadm_gets_the_cluster_s_settings_and_the_inventory_s_names() -> None:
    text = (
        "kind: InitConfiguration\n---\n"
        "apiVersion: v1beta4\nkind: ClusterConfiguration\nclusterName: lab\n"
        "kubernetesVersion: v1.37.2\ncontrolPlaneEndpoint: new:8443\n"
        "apiServer: {certSANs: [new, cp9], extraArgs: []}\n---\nkind: KubeletConfiguration\n"
    )
    saved = (
        "apiVersion: v1beta4\nkind: ClusterConfiguration\ncontrolPlaneEndpoint: old:8443\n"
        "apiServer: {certSANs: [old], extraArgs: [{name: profiling, value: 'false'}]}\n"
        "encryptionAlgorithm: RSA-2048\n"
    )
    assert restored_configuration(text, "") == text
    documents = list(yaml.safe_load_all(restored_configuration(text, saved)))
    kinds = [document["kind"] for document in documents]
    assert kinds == ["InitConfiguration", "ClusterConfiguration", "KubeletConfiguration"]
    assert documents[1] == {
        "apiVersion": "v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": "lab",
        "kubernetesVersion": "v1.37.2",
        "controlPlaneEndpoint": "new:8443",
        "apiServer": {
            "certSANs": ["new", "cp9"],
            "extraArgs": [{"name": "profiling", "value": "false"}],
        },
        "encryptionAlgorithm": "RSA-2048",
    }


def test_nodes_that_the_inventory_does_not_have_go() -> None:
    assert old_nodes({"cp1": {}, "w9": {}, "cp8": {}}, ["cp1", "w1"]) == ["cp8", "w9"]


def test_what_a_backup_holds_is_read_without_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "backup.key").write_text(f"{KEY}\n")
    path = write(tmp_path)
    result = backup_contents.read(str(path), str(tmp_path / "backup.key"))
    assert result["manifest"]["cluster"] == "lab"
    assert result["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "authority" not in json.dumps(result)
    assert len(backup_contents.read("", "")["mistakes"]) == 2
    (mistake,) = backup_contents.read(str(path), str(tmp_path / "none"))["mistakes"]
    assert "none cannot be read" in mistake


def test_the_playbook_refuses_before_it_asks_a_node(tmp_path: Path) -> None:
    status, output = playbook(tmp_path, "restore.yml")
    words = " ".join(output.split())
    assert status != 0
    assert "the restore: 2 mistakes, nothing was changed" in words
    assert "restore_from is not set" in words
    assert "restore_identity is not set" in words
    (tmp_path / "backup.key").write_text(f"{KEY}\n")
    names = {"restore_from": str(write(tmp_path)), "restore_identity": f"{tmp_path}/backup.key"}
    status, output = playbook(tmp_path, "restore.yml", "-e", json.dumps(names))
    words = " ".join(output.split())
    assert status != 0
    assert "a backup of cluster lab, expected mine" in words
    assert "cannot be reached" not in words


def test_what_is_sent_arrives_whole_for_root_only(tmp_path: Path) -> None:
    pki = {f"{PKI}ca.key": b"key" * 9, f"{PKI}apiserver.key": b"leaf"}
    sums = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in pki.items()
    }
    (tmp_path / "backup.key").write_text(f"{KEY}\n")
    parts = {**json_parts(), **sums}
    path = write(tmp_path, archive({"parts": parts}, **pki))
    staging = tmp_path / "node" / "restore"
    (tmp_path / "play.yml").write_text(
        json.dumps(
            [
                {
                    "hosts": "cp1",
                    "connection": "local",
                    "gather_facts": False,
                    "tasks": [
                        {
                            "kubedrill.kubeadm.backup_send": {
                                "backup": str(path),
                                "identity": str(tmp_path / "backup.key"),
                                "directory": str(staging),
                            }
                        }
                    ],
                }
            ]
        )
    )
    status, output = playbook(tmp_path, str(tmp_path / "play.yml"), "--check")
    assert status == 0, output
    assert not staging.exists()
    status, output = playbook(tmp_path, str(tmp_path / "play.yml"))
    assert status == 0, output
    files = {str(each.relative_to(staging)): each for each in staging.rglob("*") if each.is_file()}
    assert set(files) == {"snapshot.db", f"{PKI}ca.crt", f"{PKI}ca.key", "backup.sha256"}
    assert files[f"{PKI}ca.key"].read_bytes() == b"key" * 9
    assert {each.stat().st_mode & 0o077 for each in (staging, *files.values())} == {0}
    total = files["backup.sha256"].read_text().strip()
    assert total == hashlib.sha256(path.read_bytes()).hexdigest()


def json_parts() -> dict[str, Any]:
    with tarfile.open(fileobj=io.BytesIO(archive())) as tar:
        text = tar.extractfile("manifest.json")
        assert text is not None
        return dict(json.loads(text.read())["parts"])


class Module(SimpleNamespace):
    def run_command(self, argv: list[str], **_: Any) -> tuple[int, str, str]:
        self.commands.append(argv)
        if argv[0] == kubeadm_member.ETCDUTL:
            (Path(argv[argv.index("--data-dir") + 1]) / "member").mkdir(parents=True)
        return 0, "", ""


def test_kubeadm_begins_with_the_backup_s_etcd_and_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged, data, root = tmp_path / "staged", tmp_path / "etcd", tmp_path / "root"
    source = staged / "files" / root.relative_to("/") / "ca.key"
    source.parent.mkdir(parents=True)
    source.write_text("key")
    (data / "member" / "of a killed run").mkdir(parents=True)
    for name, path in {"MARKER": "joining", "CONFIG": "kubeadm.yaml", "ETCD_DATA": "etcd"}.items():
        monkeypatch.setattr(kubeadm_member, name, tmp_path / path)
    restore = {"directory": str(staged), "name": "cp1", "address": "10.0.0.1"}
    params = {"command": "init", "config": "x", "discovery": "", "restore": restore}
    module = Module(params=params, commands=[])
    kubeadm_member.run_kubeadm(module, 3)  # type: ignore[arg-type]
    etcdutl, kubeadm = module.commands
    assert etcdutl[etcdutl.index("--initial-cluster") + 1] == "cp1=https://10.0.0.1:2380"
    assert "--mark-compacted" in etcdutl
    assert kubeadm[-2:] == ["--ignore-preflight-errors", "DirAvailable--var-lib-etcd"]
    assert (root / "ca.key").read_text() == "key"
    assert (root / "ca.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data.iterdir()] == ["member"]
    assert list((data / "member").iterdir()) == []
