"""Setup, the Docker daemon's start, and clean: what they take and what they leave alone."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kubedrill.bundle.errors import BuildFailed
from kubedrill.local import cleanup, docker_daemon, hostsetup
from kubedrill.local.hostsetup import PACKAGES, missing_packages
from kubedrill.local.node_container import overlapping

ROOT = Path(__file__).resolve().parents[3]


def test_half_installed_packages_are_missing() -> None:
    status = "gcc installed\nskopeo config-files\nvagrant half-configured\n"
    assert missing_packages(["gcc", "skopeo", "vagrant", "docker.io"], status) == [
        "skopeo",
        "vagrant",
        "docker.io",
    ]


def test_setup_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-I", str(ROOT / "harness/kubedrill/local/hostsetup.py"), "--help"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_clean_needs_nothing_but_the_standard_library() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'harness')!r}); import kubedrill.local.cleanup"
    )
    assert subprocess.run([sys.executable, "-S", "-I", "-c", program], check=False).returncode == 0


def test_clean_removes_what_is_named_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "parts" / "go").mkdir(parents=True)
    (tmp_path / "parts" / "go" / "module").write_text("")
    (tmp_path / "parts" / "go").chmod(0o500)  # as Go leaves its module cache
    (tmp_path / "mine").write_text("keep")
    assert cleanup.remove_files(tmp_path, cleanup.CACHE_ENTRIES) == [str(tmp_path / "parts")]
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_clean_takes_its_own_disks_out_of_libvirts_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant"))
    for box in ("kubedrill-box-1", "debian-VAGRANTSLASH-trixie64"):
        (tmp_path / "vagrant" / "boxes" / box).mkdir(parents=True)
    for disk in ("kubedrill-bundles-1.img", "windows.qcow2"):
        (tmp_path / disk).write_text("")
    cleanup.remove_boxes(tmp_path)
    left = sorted(
        path.name for path in [*tmp_path.glob("*"), *(tmp_path / "vagrant" / "boxes").iterdir()]
    )
    assert left == ["debian-VAGRANTSLASH-trixie64", "vagrant", "windows.qcow2"]


def test_clean_does_not_follow_links_out_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "data").write_text("keep")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / ".venv").symlink_to(tmp_path / "elsewhere")
    cleanup.remove_files(tmp_path / "project", cleanup.FILES)
    assert (tmp_path / "elsewhere" / "data").exists()


def test_clean_is_safe_to_repeat(tmp_path: Path) -> None:
    assert cleanup.remove_files(tmp_path / "never-made", cleanup.CACHE_ENTRIES) == []


def test_a_process_that_took_over_the_daemons_number_is_not_stopped(tmp_path: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        (tmp_path / "pid").write_text(f"{other.pid}\n")
        assert cleanup.stop_daemon(tmp_path / "pid") == []
        assert other.poll() is None
        other.communicate()


def listening(folder: Path) -> socket.socket:
    ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ready.bind(str(folder / "ready"))
    ready.settimeout(0.05)
    return ready


def test_the_daemon_is_up_when_it_says_so(tmp_path: Path) -> None:
    datagram = "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
    say = f"import socket; {datagram}.sendto(b'READY=1', {str(tmp_path / 'ready')!r})"
    with (
        listening(tmp_path) as ready,
        subprocess.Popen([sys.executable, "-c", f"{say}; input()"], stdin=-1) as child,
    ):
        docker_daemon._await_ready(child, ready, tmp_path / "log")
        child.communicate()


def test_a_daemon_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("failed to start daemon: no such storage driver\n")
    with listening(tmp_path) as ready, subprocess.Popen(["false"]) as child:
        child.wait()
        with pytest.raises(BuildFailed, match=r"ended with 1(.|\n)*no such storage driver"):
            docker_daemon._await_ready(child, ready, tmp_path / "log")


def test_the_vagrantfile_holds_no_second_copy_of_the_topology() -> None:
    text = (ROOT / "Vagrantfile").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.strip().startswith("#"))
    topology = yaml.safe_load((ROOT / "inventories" / "local" / "hosts.yml").read_text())[
        "cluster"
    ]["children"]
    for name, values in ((n, v) for group in topology.values() for n, v in group["hosts"].items()):
        assert values["ansible_host"] not in code
        assert not re.search(rf"\b{name}\b", code)
    sizes = {str(group["vars"]["vm_memory_mb"]) for group in topology.values()}
    assert not [size for size in sizes if size in code]


@pytest.mark.parametrize("inventory", ["local", "local-lb", "bare"])
def test_inventories_can_be_read_without_ansible(inventory: str) -> None:
    """The Vagrantfile reads the local one as plain YAML."""
    children = yaml.safe_load((ROOT / "inventories" / inventory / "hosts.yml").read_text())[
        "cluster"
    ]["children"]
    assert set(children) == {"control_planes", "workers"}
    assert len(children["control_planes"]["hosts"]) % 2 == 1


def test_the_example_uses_addresses_that_nobody_has() -> None:
    text = "".join(path.read_text() for path in (ROOT / "inventories" / "bare").rglob("*.yml"))
    result = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text))
    assert {address for address in result if not address.startswith(("192.0.2.", "10."))} == set()


def test_drill_prepares_the_host_first() -> None:
    make = subprocess.run(
        ["make", "-n", "drill"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    steps = [
        next((w for w in ("hostsetup", "bundle build", " up", " drill") if w in line), "")
        for line in make.stdout.splitlines()
    ]
    assert [step.strip() for step in steps if step] == ["hostsetup", "bundle build", "up", "drill"]


def test_every_package_says_what_it_is_for() -> None:
    assert all(PACKAGES.values())


@pytest.mark.parametrize(("option", "code"), [("--help", 0), ("--what", 2)])
def test_asking_clean_a_question_removes_nothing(
    option: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path))
    monkeypatch.setattr(cleanup, "ROOT", tmp_path)
    monkeypatch.setattr(cleanup, "DOCKER", "/bin/false")
    monkeypatch.setattr(cleanup, "POOL", tmp_path)
    monkeypatch.setattr(sys, "argv", ["cleanup", option])
    (tmp_path / "parts").mkdir()
    with pytest.raises(SystemExit) as ended:
        cleanup.main()
    assert ended.value.code == code
    assert (tmp_path / "parts").exists()


def test_an_interface_that_has_the_nodes_addresses_is_found() -> None:
    columns = "Iface Destination Gateway Flags RefCnt Use Metric Mask\n"
    rows = (
        "eth0 00000000 0 3 0 0 0 00000000\n"
        "vpn 00001FAC 0 1 0 0 0 0000FFFF\n"
        "br-1 004D1FAC 0 1 0 0 0 00FFFFFF\n"
    )
    assert overlapping(columns + rows, "172.31.77.0/24") == {"br-1"}
    assert overlapping(columns + rows, "172.31.78.0/24") == set()


def test_a_program_of_the_setup_is_silent_until_it_fails(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostsetup._run(["sh", "-c", "echo Selecting previously unselected package"], "installing")
    assert capfd.readouterr() == ("", "")
    with pytest.raises(hostsetup.SetupError, match=r"(?s)ended with 3:.*no space left$"):
        hostsetup._run(["sh", "-c", "echo no space left; exit 3"], "installing")
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(hostsetup, "QUIET_S", 0.05)
    hostsetup._run(["sh", "-c", "exec sleep 0.4"], "installing")
    assert "still installing, for " in capfd.readouterr().err


def test_a_setup_that_is_stopped_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_names: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hostsetup, "install_packages", stop)
    monkeypatch.setattr("sys.argv", ["hostsetup"])
    assert hostsetup.main() == 4
    assert "run it again" in capsys.readouterr().err
