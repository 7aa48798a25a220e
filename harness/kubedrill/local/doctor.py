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
GIB = 1 << 30
NEEDED_MEMORY = 4 * GIB
"""Bytes of memory: five container nodes with Kubernetes take 2 GB idle, half as much again in an
upgrade (measured)."""
GOOD_MEMORY = 6 * GIB
NEEDED_DISK = 12 * GIB
"""Bytes free for five nodes and two bundles (measured: 9 GB)."""
GOOD_DISK = 30 * GIB
"""Bytes free when bundles are built from source as well: the Go caches take 12 GB."""
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


def check_python(version: tuple[int, int, int]) -> HostCheck:
    """Python runs the harness and Ansible."""
    actual = ".".join(map(str, version))
    good = version >= NEEDED_PYTHON
    return HostCheck(
        "python", "ok" if good else "missing", actual, "3.11 or newer", "" if good else "make setup"
    )


def check_machine(machine: str) -> HostCheck:
    """Release bundles are built for one architecture."""
    good = machine in ("x86_64", "amd64")
    fix = "" if good else "run kubedrill on an x86-64 host; nodes elsewhere need inventories/bare"
    return HostCheck("architecture", "ok" if good else "missing", machine, "x86_64", fix)


def check_cpus(count: int) -> HostCheck:
    """Count the cores.

    >>> check_cpus(1).state, check_cpus(2).state
    ('warn', 'ok')
    """
    fix = (
        ""
        if count >= 2
        else "give this host a second core: with one, etcd misses its deadlines under load"
    )
    return HostCheck("cpus", "ok" if count >= 2 else "warn", str(count), "2 or more", fix)


def check_amount(name: str, actual: int, needed: int, good: int, fix: str) -> HostCheck:
    """Compare an amount of bytes with what is needed and with what is comfortable.

    >>> check_amount("memory", 5 * GIB, 4 * GIB, 6 * GIB, "add memory").state
    'warn'
    """
    state: State = "missing" if actual < needed else "warn" if actual < good else "ok"
    expected = f"{needed / GIB:.0f} GiB, better {good / GIB:.0f}"
    return HostCheck(name, state, f"{actual / GIB:.1f} GiB", expected, "" if state == "ok" else fix)


def check_cgroups(version: int) -> HostCheck:
    """Both versions work; Kubernetes is about to drop the first."""
    fix = "" if version == 2 else "nothing to do: the nodes and the kubelet are configured for it"
    return HostCheck(
        "cgroups", "ok" if version == 2 else "warn", f"v{version}", "v2 (v1 works)", fix
    )


def check_inotify(instances: int) -> HostCheck:
    """All nodes share one limit."""
    good = instances >= NEEDED_INOTIFY
    fix = "" if good else f"sudo sysctl -w fs.inotify.max_user_instances={NEEDED_INOTIFY}"
    return HostCheck(
        "inotify instances",
        "ok" if good else "warn",
        str(instances),
        f"{NEEDED_INOTIFY} or more",
        fix,
    )


def check_packages(missing: list[str]) -> HostCheck:
    """Debian packages that make setup installs."""
    if not missing:
        return HostCheck("packages", "ok", "all installed", "what make setup installs")
    return HostCheck(
        "packages",
        "missing",
        f"not installed: {' '.join(missing)}",
        "installed",
        " ".join(install_command(missing)),
    )


def check_docker(version: str, problem: str, *, root: bool, service_manager: bool) -> HostCheck:
    """Docker runs the nodes where there is no hypervisor.

    A daemon that `kubedrill up` can start is not missing.
    """
    expected = "a daemon that answers you"
    if not version:
        return HostCheck("docker", "missing", "not installed", expected, "make setup")
    if not problem:
        return HostCheck("docker", "ok", version, expected)
    if "permission denied" in problem.lower():
        fix = "sudo usermod -aG docker $USER, then log in again"
        return HostCheck("docker", "missing", f"{version}, but you may not use it", expected, fix)
    if root or service_manager:
        return HostCheck(
            "docker", "warn", f"{version}, daemon not running", expected, "kubedrill up starts it"
        )
    return HostCheck(
        "docker", "missing", f"{version}, daemon not running: {problem}", expected, "sudo dockerd &"
    )


def check_vagrant(version: str) -> HostCheck:
    """Vagrant makes the nodes."""
    return HostCheck(
        "vagrant",
        "ok" if version else "missing",
        version or "not installed",
        "2.3 or newer",
        "" if version else "make setup",
    )


def check_kernel(failed: list[str]) -> HostCheck:
    """Nodes as containers use the host's kernel.

    Each feature was tried in a network namespace of its own.
    """
    if not failed:
        return HostCheck(
            "kernel features", "ok", "bridge, veth, vxlan, nftables, overlay", "these five"
        )
    fix = f"load or build in what these need: {', '.join(failed)} (modprobe, or another kernel)"
    return HostCheck(
        "kernel features", "warn", f"could not be used: {', '.join(failed)}", "to work", fix
    )


def check_hypervisor(problem: str) -> HostCheck:
    """Whether libvirt or virtualbox would be of use.

    Without, nodes are containers and nothing is lost.
    """
    if not problem:
        return HostCheck(
            "hypervisor",
            "ok",
            "KVM boots Linux",
            "KVM, for --provider=libvirt; containers need none",
        )
    return HostCheck(
        "hypervisor",
        "warn",
        problem,
        "KVM, for --provider=libvirt",
        "nothing to do: nodes are containers",
    )


def examine() -> list[HostCheck]:
    """Look at this host. Takes some seconds.

    Where there is a /dev/kvm to be tried, up to half a minute.
    """
    root = os.geteuid() == 0
    return [
        *_essentials(),
        check_packages(query_packages(list(PACKAGES))),
        check_docker(
            program_version(DOCKER, "--version"),
            daemon_problem(),
            root=root,
            service_manager=Path("/run/systemd/system").exists(),
        ),
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
        service_manager = Path("/run/systemd/system").exists()
        version = program_version(DOCKER, "--version")
        checks.append(
            check_docker(
                version, daemon_problem(), root=os.geteuid() == 0, service_manager=service_manager
            )
        )
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
