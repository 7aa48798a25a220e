"""Which boot a node is in, and why it should boot again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import upgrade_cluster
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.boots import boot
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import CommandError
from ansible_collections.kubedrill.kubeadm.plugins.modules import (
    control_plane_stop,
    maintenance_state,
)
from ansible_collections.kubedrill.kubeadm.plugins.modules.maintenance_state import (
    ask,
    reboot_reasons,
)

if TYPE_CHECKING:
    from pathlib import Path


def make_proc(root: Path, ticks: int, boot_id: str = "0a1b2c3d-1", uptime: float = 500.0) -> Path:
    (root / "sys/kernel/random").mkdir(parents=True, exist_ok=True)
    (root / "1").mkdir(exist_ok=True)
    (root / "sys/kernel/random/boot_id").write_text(f"{boot_id}\n")
    (root / "uptime").write_text(f"{uptime} 1.0\n")
    fields = ["S", *["0"] * 18, str(ticks), "0"]
    (root / "1/stat").write_text(f"1 (a (b) c) {' '.join(fields)}\n")
    return root


def test_a_boot_of_a_machine_and_one_of_a_container_are_others(tmp_path: Path) -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    first, age = boot(make_proc(tmp_path, 100 * hertz))
    assert age == pytest.approx(400.0)
    assert boot(make_proc(tmp_path, 100 * hertz, uptime=900.0)) == (first, pytest.approx(800.0))
    assert boot(make_proc(tmp_path, 300 * hertz))[0] != first, "a container that started again"
    assert boot(make_proc(tmp_path, 100 * hertz, "ffff0000-1"))[0] != first, "another kernel"


def test_the_flag_of_the_distribution_is_a_reason_once(tmp_path: Path) -> None:
    assert reboot_reasons("debian", tmp_path) == []
    (tmp_path / "run").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("../run")
    (tmp_path / "run/reboot-required").touch()
    assert reboot_reasons("debian", tmp_path) == ["reboot-required is set"]
    (tmp_path / "run/reboot-required.pkgs").write_text("linux-base\nlibc6\nlibc6\n")
    assert reboot_reasons("debian", tmp_path) == ["reboot-required is set (linux-base, libc6)"]


def test_a_kernel_that_was_installed_and_does_not_run_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "vmlinuz").symlink_to("boot/vmlinuz-9.9.9-1")
    assert reboot_reasons("debian", tmp_path) == [], "a link to nothing"
    (tmp_path / "boot/vmlinuz-9.9.9-1").touch()
    (reason,) = reboot_reasons("debian", tmp_path)
    assert reason == f"kernel 9.9.9-1 is installed, {os.uname().release} runs"
    (tmp_path / "vmlinuz").unlink()
    (tmp_path / f"boot/vmlinuz-{os.uname().release}").touch()
    (tmp_path / "vmlinuz").symlink_to(f"boot/vmlinuz-{os.uname().release}")
    assert reboot_reasons("debian", tmp_path) == []


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 'Reboot is required to fully utilize these updates.'; exit 1", 1),
        ("echo 'Reboot should not be necessary.'", 0),
        ("exit 0", 0),
    ],
)
def test_a_program_of_the_distribution_is_asked(script: str, expected: int) -> None:
    reasons = ask(["sh", "-c", script], "Reboot is required", "should not be", "dnf-utils")
    assert len(reasons) == expected


def test_an_error_of_it_is_not_taken_for_an_answer() -> None:
    with pytest.raises(CommandError, match=r"No such command: needs-restarting.*install dnf-utils"):
        ask(
            ["sh", "-c", "echo No such command: needs-restarting >&2; exit 1"],
            "Reboot is required",
            "should not be",
            "dnf-utils",
        )
    with pytest.raises(CommandError, match="install dnf-utils"):
        ask(["/nowhere/needs-restarting"], "x", "y", "dnf-utils")


def test_a_program_of_another_family_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> list[str]:
        raise AssertionError

    monkeypatch.setattr(maintenance_state, "ask", fail)
    assert reboot_reasons("debian", tmp_path) == []


def make_pod(name: str, kind: str, identity: str, node: str = "w1") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "n", "ownerReferences": [{"kind": kind}]},
        "spec": {"nodeName": node},
        "status": {"containerStatuses": [{"containerID": identity}]},
    }


def test_pods_that_the_api_has_from_before_a_boot_are_named() -> None:
    pods = [
        make_pod("proxy", "DaemonSet", "a"),
        make_pod("etcd-w1", "Node", "b"),
        make_pod("web", "ReplicaSet", "c"),
        make_pod("other", "DaemonSet", "d", node="w2"),
    ]
    former = upgrade_cluster.staying_containers(pods, "w1")
    assert former == {"a": "n/proxy", "b": "n/etcd-w1"}
    assert upgrade_cluster.former_containers(pods, "w1", former) == [
        "n/etcd-w1 has not started since w1 booted",
        "n/proxy has not started since w1 booted",
    ]
    pods[0]["status"]["containerStatuses"][0]["containerID"] = "a2"
    pods[1]["status"] = {}
    assert upgrade_cluster.former_containers(pods, "w1", former) == []


def test_a_control_plane_that_boots_again_keeps_its_manifests_and_ends_etcd_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[Any] = []
    monkeypatch.setattr(control_plane_stop, "run", lambda argv, _timeout: steps.append(argv[1:]))
    monkeypatch.setattr(control_plane_stop, "stop", lambda names, _grace: steps.append(names))
    control_plane_stop.stop_for_boot(10)
    assert steps == [["stop", "kubelet"], list(control_plane_stop.COMPONENTS), ["etcd"]]
    assert "etcd" not in control_plane_stop.COMPONENTS
