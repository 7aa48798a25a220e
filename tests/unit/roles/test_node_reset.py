"""What is put back on a load balancer's host.

What was remembered, and nothing that a node of a cluster would lose.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import (
    node_baseline,
    node_leftovers,
    whole_files,
)
from ansible_collections.kubedrill.kubeadm.plugins.modules import node_reset

if TYPE_CHECKING:
    from pathlib import Path


class Ended(Exception):
    """The module's answer."""


class Module:
    """Runs nothing; its answer ends it, as AnsibleModule's does."""

    check_mode = False

    def __init__(self, **params: Any) -> None:
        self.params, self.ran = params, []

    def run_command(self, argv: list[str]) -> tuple[int, str, str]:
        self.ran.append(argv)
        return 0, "", ""

    def exit_json(self, **answer: Any) -> None:
        raise Ended(answer)

    fail_json = exit_json


def remember(folder: Path, files: dict[str, Any], name: str = "baseline.json") -> None:
    state = folder / "state"
    state.mkdir()
    services = {"haproxy.service": {"enabled": "disabled", "active": "inactive"}}
    (state / name).write_text(json.dumps({"files": files, "services": services, "directories": []}))
    (state / "packages.json").write_text('["haproxy"]')


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, file in (("STATE", ""), ("BASELINE", "baseline.json"), ("PACKAGES", "packages.json")):
        monkeypatch.setattr(node_reset, name, tmp_path / "state" / file)
    monkeypatch.setattr(node_reset, "TRACES", (str(tmp_path / "containerd"),))
    (tmp_path / "containerd").mkdir()
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, module: Module) -> dict[str, Any]:
    monkeypatch.setattr(node_reset, "AnsibleModule", lambda **_: module)
    with pytest.raises(Ended) as caught:
        node_reset.main()
    answer: dict[str, Any] = caught.value.args[0]
    return answer


@pytest.mark.parametrize("name", ["baseline.json", "found.json"])
def test_only_what_was_remembered_is_put_back(
    host: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ours, packaged = host / "haproxy.cfg", host / "other.cfg"
    remember(host, {str(ours): {"content": "theirs\n", "mode": 0o640}, str(packaged): None}, name)
    ours.write_text("ours\n")
    packaged.write_text("ours too\n")
    module = Module(
        member=False, leave=False, pod_network="10.244.0.0/16", bundles=str(host / "bundles")
    )
    answer = run(monkeypatch, module)
    assert (answer["changed"], answer["packages"]) == (True, ["haproxy"])
    assert ours.read_text() == "theirs\n"
    assert not packaged.exists()
    assert (host / "state").exists(), "until the packages are removed, which the role does next"
    assert (host / "containerd").is_dir(), "another program's state on a host that is no node"
    assert {tuple(argv[:2]) for argv in module.ran} == {
        ("systemctl", verb) for verb in ("stop", "disable", "daemon-reload", "reset-failed")
    }


def test_a_host_that_has_nothing_of_ours_is_left_alone(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Module(
        member=False, leave=False, pod_network="10.244.0.0/16", bundles=str(host / "bundles")
    )
    assert run(monkeypatch, module) == {"changed": False, "removed": [], "packages": []}
    assert module.ran == []


def test_a_reset_that_a_killed_playbook_left_is_waited_for(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(host, {})
    left = os.open(host / "state", os.O_RDONLY)
    fcntl.flock(left, fcntl.LOCK_EX)

    def end() -> None:
        shutil.rmtree(host / "state")
        os.close(left)

    timer = threading.Timer(0.3, end)
    timer.start()
    module = Module(member=True, leave=False, pod_network="10.244.0.0/16", bundles=str(host))
    answer = run(monkeypatch, module)
    timer.join()
    assert answer == {"changed": True, "removed": [], "packages": []}
    assert module.ran == [], "it touched nothing while the other one worked"


def test_swap_is_turned_on_again_in_each_way_it_was_turned_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_reset, "FSTAB", tmp_path / "fstab")
    monkeypatch.setattr(node_reset, "SWAP_UNITS", tmp_path / "swap-units.json")
    reset = node_reset.Reset(module := Module())  # type: ignore[arg-type]
    reset.swap()
    assert module.ran == [], "nothing was turned off"
    (tmp_path / "fstab").write_text("#kubedrill#   /dev/sda2 none swap sw 0 0\n")
    (tmp_path / "swap-units.json").write_text('["dev-zram0.swap", "zramswap.service"]')
    reset.swap()
    assert (tmp_path / "fstab").read_text() == "  /dev/sda2 none swap sw 0 0\n"
    commands = [" ".join(argv) for argv in module.ran]
    assert "swapon --all" in commands
    assert commands.index("systemctl unmask -- dev-zram0.swap") < commands.index(
        "systemctl daemon-reload"
    )
    assert commands[-1] == "systemctl start -- dev-zram0.swap zramswap.service"


def test_fstab_stays_whole_when_the_reset_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fstab = tmp_path / "fstab"
    monkeypatch.setattr(node_reset, "FSTAB", fstab)
    monkeypatch.setattr(node_reset, "SWAP_UNITS", tmp_path / "none")
    fstab.write_text(
        before := "/dev/sda1 / ext4 defaults 0 1\n#kubedrill# /dev/sda2 none swap sw 0 0\n"
    )
    fstab.chmod(0o664)
    reset = node_reset.Reset(Module())  # type: ignore[arg-type]
    with monkeypatch.context() as full:
        full.setattr(whole_files.os, "fsync", _no_space)
        full.setattr(node_reset.Path, "write_text", _cut)
        with pytest.raises(OSError, match="No space"):
            reset.swap()
    assert fstab.read_text() == before, "a machine whose fstab is cut does not boot"
    reset.swap()
    assert fstab.read_text() == before.replace("#kubedrill# ", "")
    assert fstab.stat().st_mode & 0o777 == 0o664


def _cut(path: Path, *_: object, **__: object) -> None:
    path.open("w").close()
    _no_space()


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_bind_mount_of_the_same_file_system_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netns").mkdir()
    (tmp_path / "empty").mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tmpfs {tmp_path}/netns tmpfs rw 0 0\n")
    monkeypatch.setattr(node_leftovers, "MOUNTS", mounts)
    reset = node_reset.Reset(Module())  # type: ignore[arg-type]
    reset.remove_empty([tmp_path / "netns", tmp_path / "empty"])
    assert (tmp_path / "netns").is_dir(), "its removal would fail: the device is busy"
    assert not (tmp_path / "empty").exists()


def test_booleans_of_selinux_are_turned_off_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_reset, "SELINUX_BOOLEANS", tmp_path / "selinux-booleans.json")
    reset = node_reset.Reset(module := Module())  # type: ignore[arg-type]
    reset.selinux()
    assert module.ran == [], "none was turned on"
    (tmp_path / "selinux-booleans.json").write_text('["haproxy_connect_any"]')
    reset.selinux()
    assert module.ran == [["setsebool", "-P", "haproxy_connect_any", "off"]]


def test_a_cluster_that_others_installed_is_refused(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubelet = host / "kubelet.conf"
    monkeypatch.setattr(node_leftovers, "FOREIGN", (str(kubelet), str(host / "manifests")))
    (host / "manifests").mkdir()
    module = Module(member=True, leave=False, pod_network="10.244.0.0/16", bundles="/none")
    assert run(monkeypatch, module)["changed"] is False, "nothing but an empty directory"
    kubelet.write_text("theirs")
    answer = run(monkeypatch, module)
    assert f"{kubelet} of a cluster that kubedrill did not install" in answer["msg"]
    assert "nothing was changed" in answer["msg"]
    assert module.ran == []


def process(proc: Path, pid: int, parent: int, *arguments: str) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "cmdline").write_bytes(b"\0".join(map(str.encode, arguments)) + b"\0")
    (proc / str(pid) / "status").write_text(f"Name:\tx\nPPid:\t{parent}\n")


def test_containers_end_with_their_shims_and_those_of_docker_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = "/usr/local/bin/containerd-shim-runc-v2"
    process(tmp_path, 1, 0, "/sbin/init")
    process(tmp_path, 40, 1, shim, "-namespace", "k8s.io", "-id", "a")
    process(tmp_path, 41, 40, "/pause")
    process(tmp_path, 30, 41, "worker of it")
    process(tmp_path, 50, 1, shim, "-namespace", "moby", "-id", "b")
    process(tmp_path, 51, 50, "postgres")
    killed: list[int] = []
    monkeypatch.setattr(node_leftovers.os, "kill", lambda pid, _: killed.append(pid))
    node_leftovers.end_containers(tmp_path)
    assert killed == [30, 40, 41]


def mount(folder: Path, monkeypatch: pytest.MonkeyPatch, *points: str) -> None:
    (folder / "mounts").write_text("".join(f"x {point} ext4 rw 0 0\n" for point in points))
    monkeypatch.setattr(node_leftovers, "MOUNTS", folder / "mounts")


def test_mount_points_are_read_as_the_kernel_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(tmp_path, monkeypatch, "/", "/a", r"/a/my\040share", "/a/my", "/ab")
    assert node_leftovers.mounts_below("/a/") == ["/a/my share", "/a/my"]


def test_what_is_still_mounted_is_never_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tmp_path / "kubelet" / "pods" / "share"
    share.mkdir(parents=True)
    (share / "data").write_text("theirs")
    mount(tmp_path, monkeypatch, str(share))
    reset = node_reset.Reset(Module())  # type: ignore[arg-type]
    with pytest.raises(Ended, match=f"{share} is mounted below"):
        reset.remove([str(tmp_path / "kubelet")])
    assert (share / "data").read_text() == "theirs"
    monkeypatch.setattr(node_reset, "UNMOUNTED", (f"{tmp_path}/kubelet/",))
    monkeypatch.setattr(node_reset, "end_containers", lambda _: None)  # not those of this host
    with pytest.raises(Ended, match="cannot be unmounted, and nothing was removed"):
        reset.services()


def test_mounts_are_detached_before_kubeadm_would_fail_at_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_reset, "KUBEADM", tmp_path)
    monkeypatch.setattr(node_reset, "CONTAINERD_SOCKET", tmp_path)
    monkeypatch.setattr(node_reset, "Path", lambda _: tmp_path)
    points = [["/var/lib/kubelet/pods/a b"], []]
    monkeypatch.setattr(node_reset, "mounts_below", lambda *_: points.pop(0))
    module = Module(leave=False)
    node_reset.Reset(module).kubernetes()  # type: ignore[arg-type]
    assert [argv[:2] for argv in module.ran] == [
        ["systemctl", "stop"],
        ["umount", "--lazy"],
        [str(tmp_path), "reset"],
    ]
    assert module.ran[1][-2:] == ["--", "/var/lib/kubelet/pods/a b"]


def test_a_volume_of_the_cluster_s_directory_is_emptied_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = tmp_path / "containerd"
    (volume / "images").mkdir(parents=True)
    monkeypatch.setattr(node_reset.os.path, "ismount", lambda path: path == volume)
    node_reset.Reset(Module()).remove([str(volume)])  # type: ignore[arg-type]
    assert list(volume.iterdir()) == []


def test_undos_of_a_drill_are_run_and_removed(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "kubedrill-boot-cp1-clock.service").write_text("")
    link = units / "multi-user.target.wants/kubedrill-boot-cp1-clock.service"
    link.symlink_to("../kubedrill-boot-cp1-clock.service")
    (units / "theirs.service").write_text("")
    (tmp_path / "var/lib/kubedrill-undo").mkdir(parents=True)
    (tmp_path / "var/lib/kubedrill-undo/kubedrill-undo-cp1-clock.timer").write_text("")
    ran: list[str] = []

    def run(*argv: str) -> str:
        ran.append(" ".join(argv))
        undo = "kubedrill-undo-cp1-clock.timer loaded active waiting x\n"
        fault = "kubedrill-fault-hog.service loaded active running x\n"
        return undo + fault if argv[1] == "list-units" else ""

    removed = node_leftovers.disarm_undos(run, tmp_path)
    assert ran[1:] == [
        "timeout 60 systemctl start kubedrill-undo-cp1-clock.service",
        "systemctl stop kubedrill-undo-cp1-clock.timer",
        "systemctl stop kubedrill-fault-hog.service",
    ]
    assert {path.name for path in units.iterdir()} == {"multi-user.target.wants", "theirs.service"}
    assert not link.is_symlink()
    assert list((tmp_path / "var/lib").iterdir()) == []
    assert "kubedrill-undo-cp1-clock.timer" in removed


@pytest.mark.parametrize("theirs", [True, False])
def test_the_data_of_a_runtime_that_was_there_before_stay(
    host: Path, monkeypatch: pytest.MonkeyPatch, *, theirs: bool
) -> None:
    data = host / "containerd"
    (data / "moby").mkdir()
    (host / "state").mkdir()
    record = {"files": {}, "services": {}, "directories": [], "data": [str(data)] * theirs}
    (host / "state" / "baseline.json").write_text(json.dumps(record))
    mount(host, monkeypatch)
    monkeypatch.setattr(node_reset, "end_containers", lambda _: None)
    reset = node_reset.Reset(module := Module())  # type: ignore[arg-type]
    reset.services()
    reset.files()
    assert (data / "moby").exists() == theirs
    removes = [argv for argv in module.ran if argv[:3] == [node_reset.CTR, "namespaces", "remove"]]
    assert bool(removes) == theirs


def test_the_first_record_has_the_data_that_were_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full" / "moby").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(node_baseline, "BASELINE", tmp_path / "state" / "baseline.json")
    names = [str(tmp_path / name) for name in ("full", "empty", "none")]
    monkeypatch.setattr(node_baseline, "DATA", names)
    monkeypatch.setattr(node_baseline, "nft_tables", list)
    node_baseline.Baseline().file(tmp_path / "haproxy.cfg")
    (tmp_path / "empty" / "ours").touch()
    node_baseline.Baseline().file(tmp_path / "other.cfg")
    assert json.loads(node_baseline.BASELINE.read_text())["data"] == [names[0]]
