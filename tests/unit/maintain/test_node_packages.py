"""Package managers by what they print, and an apt that is a program of the test."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import package_managers
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.package_managers import (
    Apt,
    Dnf,
    PackageError,
    Programs,
    Zypper,
    read_check_update,
    read_simulation,
    read_updates,
)

if TYPE_CHECKING:
    from pathlib import Path

SIMULATION = """\
NOTE: This is only a simulation!
Inst base-files [13.8] (13.8+deb13u2 Debian:13.2/stable [amd64])
Inst libssl3t64 [3.5.1-1] (3.5.4-1~deb13u1 Debian-Security:13/stable-security [amd64]) []
Inst openssl [3.5.1-1] (3.5.4-1 Debian:13.2/stable, Debian-Security:13/stable-security [amd64])
Inst linux-image-6.12.57+deb13-amd64 (6.12.57-1 Debian-Security:13/stable-security [amd64])
Inst linux-image-amd64 [6.12.41-1] (6.12.57-1 Debian-Security:13/stable-security [amd64])
Conf base-files (13.8+deb13u2 Debian:13.2/stable [amd64])
"""


def test_apt_s_upgrades_are_read_by_where_they_are_from() -> None:
    everything = [name for name, _old, _new in read_simulation(SIMULATION, "all")]
    assert everything == ["base-files", "libssl3t64", "openssl", "linux-image-amd64"]
    assert read_simulation(SIMULATION, "security") == [
        ("libssl3t64", "3.5.1-1", "3.5.4-1~deb13u1"),
        ("openssl", "3.5.1-1", "3.5.4-1"),
        ("linux-image-amd64", "6.12.41-1", "6.12.57-1"),
    ]
    assert read_simulation("0 upgraded, 0 newly installed", "all") == []


def test_dnf_s_updates_are_read() -> None:
    text = (
        "\nkernel.x86_64          5.14.0-570.el9   baseos\n"
        "NetworkManager.x86_64  1:1.52.0-3.el9   baseos\n"
        "Obsoleting Packages\nnew.noarch  2-1  appstream\n    old.noarch  1-1  @System\n"
    )
    assert read_check_update(text) == ["kernel 5.14.0-570.el9", "NetworkManager 1:1.52.0-3.el9"]
    assert read_check_update("") == []


def test_zypper_s_updates_and_patches_are_read() -> None:
    text = (
        "<?xml version='1.0'?><stream><update-status version=\"0.6\"><update-list>"
        '<update kind="package" name="vim" edition="9.1-2" arch="x86_64" edition-old="9.1-1">'
        "<summary>Vi IMproved</summary></update>"
        '<update name="SUSE-2026-1" edition="1" category="security" status="needed"/>'
        "</update-list></update-status></stream>"
    )
    assert read_updates(text) == ["vim 9.1-2", "SUSE-2026-1 1"]
    assert read_updates("<stream></stream>") == []


class Tools:
    """Programs of a folder that stands alone on PATH; each logs its words."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "$0 $*" >>"{self.folder}/log"\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def log(self) -> list[str]:
        text = (self.folder / "log").read_text()
        return [line.replace(f"{self.folder}/", "") for line in text.splitlines()]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setattr(package_managers, "POLL_S", 0.01)
    return Tools(tmp_path, monkeypatch)


def test_only_what_is_installed_is_upgraded_and_nothing_is_removed(tools: Tools) -> None:
    tools.make("dpkg", "")
    tools.make("apt-get", f"[ $1 != -s ] || cat <<'X'\n{SIMULATION}X")
    Apt(Programs(0, 60)).upgrade("security")
    last = tools.log()[-1]
    assert "install --only-upgrade libssl3t64=3.5.4-1~deb13u1 openssl=3.5.4-1" in last
    assert "--no-remove" in last
    assert "base-files" not in last
    assert "--force-confold" in last


def test_nothing_to_upgrade_installs_nothing(tools: Tools) -> None:
    tools.make("dpkg", "")
    tools.make("apt-get", "")
    Apt(Programs(0, 60)).upgrade("all")
    assert not [line for line in tools.log() if "install" in line]


def test_what_dpkg_was_interrupted_in_is_finished_first(tools: Tools) -> None:
    tools.make("dpkg", "[ $1 != --audit ] || echo 'vim is half configured'")
    tools.make("apt-get", "")
    manager = Apt(Programs(0, 60))
    assert manager.is_unfinished()
    manager.upgrade("all")
    assert "dpkg --force-confdef --force-confold --configure -a" in tools.log()


LOCKS = [
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)",
    "E: Could not get lock /var/lib/apt/lists/lock - open (11: Resource unavailable)",
    "dpkg: error: dpkg frontend lock was locked by another process with pid 7",
    "System management is locked by the application with pid 7 (zypper).",
]


@pytest.mark.parametrize("words", LOCKS)
def test_another_package_manager_is_waited_for(tools: Tools, words: str) -> None:
    free = tools.folder / "free"
    tools.make("apt-get", f'[ -e {free} ] && exit 0; touch {free}; echo "{words}"; exit 100')
    Apt(Programs(30, 60)).refresh()
    assert len(tools.log()) == 2


def test_a_lock_that_stays_is_an_error_in_time_with_its_words(tools: Tools) -> None:
    tools.make("apt-get", f'echo "{LOCKS[0]}"; exit 100')
    began = time.monotonic()
    with pytest.raises(PackageError, match="held by process 7"):
        Apt(Programs(0.1, 60)).refresh()
    assert time.monotonic() - began < 20


def test_a_mirror_that_does_not_answer_is_no_lock(tools: Tools) -> None:
    tools.make("apt-get", "echo 'E: Failed to fetch http://mirror.example: 503'; exit 100")
    with pytest.raises(PackageError, match="Failed to fetch"):
        Apt(Programs(300, 60)).refresh()
    assert len(tools.log()) == 1


def test_a_program_that_hangs_or_is_missing_is_an_error(tools: Tools) -> None:
    tools.make("apt-get", "sleep 60")
    with pytest.raises(PackageError, match="did not end in time"):
        Apt(Programs(0, 0)).refresh()
    os.environ["PATH"] = str(tools.folder)
    with pytest.raises(PackageError, match="dnf cannot be run"):
        Dnf(Programs(0, 60)).refresh()


def test_dnf_says_by_its_status_that_there_are_updates(tools: Tools) -> None:
    tools.make("dnf", "[ $2 = check-update ] || exit 0; echo 'vim.x86_64 2-1 base'; exit 100")
    manager = Dnf(Programs(0, 60))
    assert manager.upgradable("security") == ["vim 2-1"]
    manager.upgrade("security")
    assert tools.log() == ["dnf -q check-update --security", "dnf -y upgrade --security"]


def test_zypper_that_upgraded_itself_is_run_again(tools: Tools) -> None:
    tools.make(
        "zypper", f"[ -e {tools.folder}/new ] && exit 102; touch {tools.folder}/new; exit 103"
    )
    Zypper(Programs(0, 60)).upgrade("security")
    assert tools.log() == ["zypper -n patch --category security"] * 2
