"""What others have on a node that is in the way of what this project sets and starts there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_leftovers import foreign_parts
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNIT_FOLDERS = ("usr/lib/systemd/system", "run/systemd/system", "etc/systemd/system")
SYSCTL_FOLDERS = ("usr/lib/sysctl.d", "run/sysctl.d", "etc/sysctl.d")
RUNTIMES = ("usr/bin/containerd", "usr/bin/dockerd", "usr/local/bin/dockerd", "usr/sbin/dockerd")
MANAGED = "# Managed by kubedrill."
"""First line of this project's units."""
OUR_SYSCTL, OUR_KUBELET_CONFIG = "90-kubedrill.conf", "90-node.conf"
UNIT_SETTINGS = re.compile(
    r"^\s*(ExecStart\s*=|Environment\s*=.*\bKUBELET_(KUBECONFIG|CONFIG|KUBEADM|EXTRA)_ARGS=)",
    re.MULTILINE,
)
CONFIG_SETTINGS = re.compile(
    r"^[\"']?(resolvConf|imageGCHighThresholdPercent|imageGCLowThresholdPercent|evictionHard"
    r"|failSwapOn|failCgroupV1|featureGates|cgroupDriver|clusterDNS|clusterDomain|staticPodPath"
    r"|containerRuntimeEndpoint|authentication|authorization)[\"']?\s*:",
    re.MULTILINE,
)
SYSCTL_LINE = re.compile(r"^\s*-?\s*([\w./*-]+)\s*=\s*(.*?)\s*$", re.MULTILINE)
LISTEN = "0A"
"""A socket's state in /proc/net/tcp (include/net/tcp_states.h)."""
SAME_SETTING = {"net.ipv4.conf.all.forwarding": "net.ipv4.ip_forward"}
"""The kernel's own second names."""


def foreign_files(sysctls: Mapping[str, str], root: Path = Path("/")) -> list[dict[str, str]]:
    """List them, each with its ``path`` and its ``effect``.

    ``sysctls`` are the kernel's settings that this project makes.
    """
    entries = [*_manifests(root), *_node_services(root), *_settings(sysctls, root)]
    return [{"path": f"/{path.relative_to(root)}", "effect": effect} for path, effect in entries]


def _manifests(root: Path) -> Iterator[tuple[Path, str]]:
    """The kubelet runs every file there that is not hidden, whatever its suffix."""
    ours = {f"{name}.yaml" for name in STATIC_PODS}
    for path in sorted((root / "etc/kubernetes/manifests").glob("*")):
        if path.is_file() and path.name not in ours and not path.name.startswith("."):
            yield path, "the kubelet runs it as one more static pod"


def _node_services(root: Path) -> Iterator[tuple[Path, str]]:
    units = ("kubelet.service", "containerd.service")
    for folder, unit in ((folder, unit) for unit in units for folder in UNIT_FOLDERS):
        for path in sorted((root / folder / f"{unit}.d").glob("*.conf")):
            if settings := _matches(UNIT_SETTINGS, path):
                yield path, f"it sets {settings} of {unit}"
    defaults = root / "etc/default/kubelet"
    if settings := _matches(re.compile(r"^\s*(KUBELET_\w+_ARGS=.*\S)", re.MULTILINE), defaults):
        yield defaults, f"it sets {settings}"
    for path in sorted((root / "etc/kubernetes/kubelet.conf.d").glob("*.conf")):
        if path.name != OUR_KUBELET_CONFIG and (settings := _matches(CONFIG_SETTINGS, path)):
            yield path, f"it sets {settings} of the kubelet's configuration"


def _matches(pattern: re.Pattern[str], path: Path) -> str:
    names = [match.group(1).partition("=")[0].strip() for match in pattern.finditer(_read(path))]
    return ", ".join(dict.fromkeys(names))


def _settings(sysctls: Mapping[str, str], root: Path) -> Iterator[tuple[Path, str]]:
    """Files that sysctl reads after ours, and that make another value of a setting.

    Of files with one name the one in the later folder counts; all are read in the order of names
    (sysctl.d(5)).
    """
    files = {path.name: path for name in SYSCTL_FOLDERS for path in (root / name).glob("*.conf")}
    for name in sorted(files):
        if name <= OUR_SYSCTL:
            continue
        for match in SYSCTL_LINE.finditer(_read(files[name])):
            key = match.group(1).replace("/", ".")
            key = SAME_SETTING.get(key, key)
            if key in sysctls and _is_worse(key, match.group(2), str(sysctls[key])):
                ours = f"/etc/sysctl.d/{OUR_SYSCTL} makes {sysctls[key]}"
                yield files[name], f"it makes {match.group(1)} {match.group(2)}, where {ours}"


def _is_worse(key: str, value: str, ours: str) -> bool:
    """Whether a value is another one; more of what inotify may use is none."""
    if key.startswith("fs.inotify.") and value.isdecimal():
        return int(value) < int(ours)
    return value != ours


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def foreign_runtimes(root: Path = Path("/")) -> list[str]:
    """Programs and units of a container runtime that this project did not install."""
    paths = [root / path for path in RUNTIMES]
    unit = root / "etc/systemd/system/containerd.service"
    return [
        f"/{path.relative_to(root)}"
        for path in [*paths, unit]
        if path.exists() and not (path == unit and _is_managed(path))
    ]


def _is_managed(unit: Path) -> bool:
    return MANAGED in _read(unit)


def foreign_cluster(root: Path = Path("/")) -> list[str]:
    """Parts of a cluster whose kubelet this project did not set up."""
    if _is_managed(root / "etc/systemd/system/kubelet.service"):
        return []
    return foreign_parts(root)


def listening_ports(proc: Path = Path("/proc/net")) -> list[int]:
    """TCP ports at which a program of this node listens."""
    rows = [
        line.split() for name in ("tcp", "tcp6") for line in _read(proc / name).splitlines()[1:]
    ]
    return sorted({int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTEN})
