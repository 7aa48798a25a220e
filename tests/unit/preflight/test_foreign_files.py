"""Files of others that change what this project sets on a node are seen, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import foreign_files

if TYPE_CHECKING:
    from pathlib import Path

SYSCTLS = {"net.ipv4.ip_forward": "1", "fs.inotify.max_user_instances": "8192"}
DROP_IN = "etc/systemd/system/kubelet.service.d/10-kubeadm.conf"


def effects(root: Path, name: str, text: str) -> list[str]:
    """What is said of one file."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    entries = foreign_files.foreign_files(SYSCTLS, root)
    assert {entry["path"] for entry in entries} <= {f"/{name}"}
    return [entry["effect"] for entry in entries]


@pytest.mark.parametrize(
    ("name", "text", "effect"),
    [
        ("etc/kubernetes/manifests/etcd.yaml.bak", "", "the kubelet runs it"),
        ("etc/kubernetes/manifests/haproxy.yaml", "", "the kubelet runs it"),
        (DROP_IN, "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet\n", "it sets ExecStart of"),
        ("usr/lib" + DROP_IN[3:], "Environment='KUBELET_EXTRA_ARGS=--v=9'", "it sets Environment"),
        (
            DROP_IN.replace("kubelet", "containerd", 1),
            "ExecStart=/x",
            "ExecStart of containerd.service",
        ),
        ("etc/default/kubelet", "KUBELET_EXTRA_ARGS=--max-pods=5\n", "it sets KUBELET_EXTRA_ARGS"),
        (
            "etc/kubernetes/kubelet.conf.d/99-x.conf",
            "evictionHard: {}\n",
            "it sets evictionHard of",
        ),
        ("etc/sysctl.d/99-hardening.conf", "net.ipv4.ip_forward=0\n", "it makes net.ipv4.ip_f"),
        (
            "etc/sysctl.d/99-sysctl.conf",
            "net/ipv4/ip_forward = 0\n",
            "it makes net/ipv4/ip_forward 0",
        ),
        (
            "run/sysctl.d/99-a.conf",
            "-net.ipv4.conf.all.forwarding = 0",
            "it makes net.ipv4.conf.all",
        ),
        ("etc/sysctl.d/99-b.conf", "fs.inotify.max_user_instances = 128", "makes 8192"),
    ],
)
def test_a_file_that_changes_something(tmp_path: Path, name: str, text: str, effect: str) -> None:
    (actual,) = effects(tmp_path, name, text)
    assert effect in actual


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/kubernetes/manifests/etcd.yaml", "kind: Pod"),
        ("etc/kubernetes/manifests/.etcd.yaml.new", "kind: Pod"),
        ("etc/kubernetes/manifests/folder/x.yaml", "kind: Pod"),
        (DROP_IN, "[Service]\nEnvironment=HTTP_PROXY=http://proxy\nCPUAccounting=yes\n"),
        (DROP_IN.replace("kubelet", "containerd", 1), "Environment=HTTPS_PROXY=http://p\n"),
        ("etc/default/kubelet", "KUBELET_EXTRA_ARGS=\n"),
        ("etc/kubernetes/kubelet.conf.d/90-node.conf", "evictionHard: {}\n"),
        ("etc/kubernetes/kubelet.conf.d/99-x.conf", "maxPods: 5\n"),
        ("etc/sysctl.d/10-before-ours.conf", "net.ipv4.ip_forward=0\n"),
        ("etc/sysctl.d/99-hardening.conf", "# net.ipv4.ip_forward=0\nnet.ipv4.ip_forward = 1\n"),
        ("etc/sysctl.d/99-more.conf", "fs.inotify.max_user_instances = 100000\n"),
        ("etc/sysctl.d/99-other.conf", "vm.swappiness = 0\n"),
    ],
)
def test_a_file_that_changes_nothing_of_ours(tmp_path: Path, name: str, text: str) -> None:
    assert effects(tmp_path, name, text) == []


def test_a_file_that_another_folder_overrides_does_not_count(tmp_path: Path) -> None:
    assert effects(tmp_path, "usr/lib/sysctl.d/99-a.conf", "net.ipv4.ip_forward=0\n")
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    (tmp_path / "etc/sysctl.d/99-a.conf").write_text("")
    assert foreign_files.foreign_files(SYSCTLS, tmp_path) == []


def test_container_runtimes_of_others(tmp_path: Path) -> None:
    unit = tmp_path / "etc/systemd/system/containerd.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("# Managed by kubedrill.\n[Unit]\n")
    assert foreign_files.foreign_runtimes(tmp_path) == []
    unit.write_text("[Unit]\nDescription=theirs\n")
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/dockerd").touch()
    assert foreign_files.foreign_runtimes(tmp_path) == [
        "/usr/bin/dockerd",
        "/etc/systemd/system/containerd.service",
    ]


def test_a_cluster_of_others_has_another_kubelet(tmp_path: Path) -> None:
    assert foreign_files.foreign_cluster(tmp_path) == []
    (tmp_path / "etc/kubernetes/manifests").mkdir(parents=True)
    assert foreign_files.foreign_cluster(tmp_path) == [], "a package brings the empty folder"
    (tmp_path / "etc/kubernetes/kubelet.conf").touch()
    assert foreign_files.foreign_cluster(tmp_path) == ["/etc/kubernetes/kubelet.conf"]
    unit = tmp_path / "etc/systemd/system/kubelet.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("# Managed by kubedrill.\n[Unit]\n")
    assert foreign_files.foreign_cluster(tmp_path) == [], "ours, whose record was lost"


def test_ports_at_which_programs_listen(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address   st\n"
    (tmp_path / "tcp").write_text(
        f"{head}  0: 0100007F:192B 00000000:0000 0A\n  1: 0A00000A:0016 0B00000A:D2F0 01\n"
    )
    (tmp_path / "tcp6").write_text(f"{head}  0: {'0' * 32}:280A {'0' * 32}:0000 0A\n")
    assert foreign_files.listening_ports(tmp_path) == [6443, 10250]
    assert foreign_files.listening_ports(tmp_path / "none") == []
