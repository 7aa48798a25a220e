"""What this host has, what is missing, and the command that mends it.

Each check is a pure function of what was found out, so that it can be tested without such a host;
:func:`examine` finds it out. A hypervisor is tried, not looked for: a /dev/kvm that hangs is worse
than none.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from kubedrill.base.errors import UsageError
from kubedrill.bundle.cache import cache_root
from kubedrill.local.docker_daemon import daemon_problem
from kubedrill.local.hostsetup import NEEDED_PYTHON, PACKAGES, install_command, query_packages
from kubedrill.local.kernel_features import failed_kernel_features, program_version
from kubedrill.local.kvm import kvm_problem
from kubedrill.local.node_image import DOCKER

State = Literal["ok", "warn", "missing"]
GB = 10**9
NEEDED_MEMORY = 4 * GB
"""Bytes of memory: five container nodes with Kubernetes take 2 GB idle, half as much again in an
upgrade (measured)."""
GOOD_MEMORY = 8 * GB
NEEDED_DISK = 12 * GB
"""Bytes free for five nodes and two bundles (measured: 9 GB)."""
GOOD_DISK = 30 * GB
"""Bytes free when bundles are built from source as well: 20 GB
(:data:`kubedrill.bundle.toolchain.NEEDED_DISK`), and the nodes."""
NEEDED_INOTIFY = 512
"""Each node's systemd, kubelet and containerd take inotify instances of the host's one limit; the
default is 128."""


@dataclass(frozen=True, slots=True)
class HostCheck:
    """One thing that was looked at.

    ``fix`` is the command, or the sentence, that mends it; empty when ok.
    """

    name: str
    state: State
    actual: str
    expected: str
    fix: str = ""


def _check(  # noqa: PLR0913, PLR0917 - a row of a table
    name: str, good: bool, actual: str, expected: str, fix: str, bad: State = "missing"
) -> HostCheck:
    return HostCheck(name, "ok" if good else bad, actual, expected, "" if good else fix)


def check_python(version: tuple[int, int, int]) -> HostCheck:
    """Python runs the harness and Ansible."""
    actual = ".".join(map(str, version))
    return _check("python", version >= NEEDED_PYTHON, actual, "3.11 or newer", "make setup")


def check_machine(machine: str) -> HostCheck:
    """Release bundles are built for one architecture."""
    fix = "run kubedrill on an x86-64 host; nodes elsewhere need inventories/bare"
    return _check("architecture", machine in ("x86_64", "amd64"), machine, "x86_64", fix)


def check_cpus(count: int) -> HostCheck:
    """Count the cores.

    >>> check_cpus(1).state, check_cpus(2).state
    ('warn', 'ok')
    """
    fix = "give this host a second core: with one, etcd misses its deadlines under load"
    return _check("cpus", count >= 2, str(count), "2 or more", fix, "warn")


def check_amount(name: str, actual: int, needed: int, good: int, fix: str) -> HostCheck:
    """Compare an amount of bytes with what is needed and with what is comfortable.

    >>> check_amount("memory", 5 * GB, 4 * GB, 8 * GB, "add memory").state
    'warn'
    """
    expected = f"{needed / GB:.0f} GB, better {good / GB:.0f}"
    bad: State = "missing" if actual < needed else "warn"
    return _check(name, actual >= good, f"{actual / GB:.1f} GB", expected, fix, bad)


def check_cgroups(version: int) -> HostCheck:
    """Both versions work; Kubernetes is about to drop the first."""
    fix = "nothing to do: the nodes and the kubelet are configured for it"
    return _check("cgroups", version == 2, f"v{version}", "v2 (v1 works)", fix, "warn")


def check_inotify(instances: int) -> HostCheck:
    """All nodes share one limit."""
    fix = f"sudo sysctl -w fs.inotify.max_user_instances={NEEDED_INOTIFY}"
    expected, good = f"{NEEDED_INOTIFY} or more", instances >= NEEDED_INOTIFY
    return _check("inotify instances", good, str(instances), expected, fix, "warn")


def check_packages(missing: list[str]) -> HostCheck:
    """Debian packages that make setup installs."""
    if not missing:
        return HostCheck("packages", "ok", "all installed", "what make setup installs")
    actual, fix = f"not installed: {' '.join(missing)}", " ".join(install_command(missing))
    return HostCheck("packages", "missing", actual, "installed", fix)


def check_docker(version: str, problem: str, *, root: bool, service_manager: bool) -> HostCheck:
    """Docker runs the nodes where there is no hypervisor.

    A daemon that `kubedrill up` can start is not missing.
    """
    state: State = "missing"
    if not version:
        actual, fix = "not installed", "make setup"
    elif not problem:
        state, actual, fix = "ok", version, ""
    elif "permission denied" in problem.lower():
        actual = f"{version}, but you may not use it"
        fix = "sudo usermod -aG docker $USER, then log in again"
    elif root or service_manager:
        state, actual = "warn", f"{version}, daemon not running"
        fix = "kubedrill up starts it"
    else:
        actual, fix = f"{version}, daemon not running: {problem}", "sudo dockerd &"
    return HostCheck("docker", state, actual, "a daemon that answers you", fix)


def check_vagrant(version: str) -> HostCheck:
    """Vagrant makes the nodes."""
    actual = version or "not installed"
    return _check("vagrant", bool(version), actual, "2.3 or newer", "make setup")


def check_kernel(failed: list[str]) -> HostCheck:
    """Nodes as containers use the host's kernel.

    Each feature was tried in a network namespace of its own.
    """
    name, features = "kernel features", ", ".join(failed)
    if not failed:
        return HostCheck(name, "ok", "bridge, veth, vxlan, nftables, overlay", "these five")
    fix = f"load or build in what these need: {features} (modprobe, or another kernel)"
    return HostCheck(name, "warn", f"could not be used: {features}", "to work", fix)


def check_hypervisor(problem: str) -> HostCheck:
    """Whether libvirt or virtualbox would be of use.

    Without, nodes are containers and nothing is lost.
    """
    actual, expected = problem or "KVM boots Linux", "KVM, for --provider=libvirt"
    if not problem:
        expected += "; containers need none"
    fix = "nothing to do: nodes are containers"
    return _check("hypervisor", not problem, actual, expected, fix, "warn")


def _find_docker() -> HostCheck:
    return check_docker(
        program_version(DOCKER, "--version"),
        daemon_problem(),
        root=os.geteuid() == 0,
        service_manager=Path("/run/systemd/system").exists(),
    )


def examine() -> list[HostCheck]:
    """Look at this host. Takes some seconds.

    Where there is a /dev/kvm to be tried, up to half a minute.
    """
    return [
        *_essentials(),
        check_packages(query_packages(list(PACKAGES))),
        _find_docker(),
        check_vagrant(program_version("vagrant", "--version")),
        check_kernel(failed_kernel_features()),
        check_hypervisor(kvm_problem()),
    ]


def _essentials() -> list[HostCheck]:
    """Return what takes no time to find out."""
    cgroups = 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1
    inotify = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text(encoding="ascii"))
    memory = "give this host more memory, or make a smaller inventory"
    return [
        check_python(sys.version_info[:3]),
        check_machine(platform.machine()),
        check_cpus(os.cpu_count() or 1),
        check_amount("memory", psutil.virtual_memory().total, NEEDED_MEMORY, GOOD_MEMORY, memory),
        *(
            check_amount(
                f"disk of {path}",
                shutil.disk_usage(_existing(path)).free,
                NEEDED_DISK,
                GOOD_DISK,
                "free some",
            )
            for path in (cache_root(), Path("/var/lib/docker"))
        ),
        check_cgroups(cgroups),
        check_inotify(inotify),
    ]


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return path if path.exists() else _existing(path.parent)


def require_essentials(*, local_nodes: bool, provider: str | None = None) -> None:
    """Refuse a host on which `kubedrill up` must fail, before anything is touched.

    ``local_nodes``: whether Vagrant makes the nodes on this host.

    Raises:
        UsageError: lists what was found, what was expected and the command that mends it.
    """
    checks = [check_python(sys.version_info[:3])]
    if local_nodes:
        checks += [*_essentials()[1:], check_vagrant(program_version("vagrant", "--version"))]
    if local_nodes and provider in (None, "docker"):
        checks.append(_find_docker())
    missing = [
        f"  - {check.name}: found {check.actual}, expected {check.expected}. {check.fix}"
        for check in checks
        if check.state == "missing"
    ]
    if missing:
        raise UsageError(
            "\n".join(
                ["this host cannot carry the cluster (kubedrill doctor tells all):", *missing]
            )
        )
