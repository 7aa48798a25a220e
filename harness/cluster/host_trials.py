"""Trials of what this host can do: the thing itself is done, in a place where it leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from bundle.node_image import node_dir

KVM = Path("/dev/kvm")
KVM_TRIAL_S = 30
"""Seconds for a kernel to boot and stop for want of a root file system: 2 s with KVM, 6 s without it."""
_TRIAL_S = 20

_NETWORK_TRIALS = {
    "bridge": ["ip", "link", "add", "kd0", "type", "bridge"],
    "veth": ["ip", "link", "add", "kd0", "type", "veth"],
    "vxlan": ["ip", "link", "add", "kd0", "type", "vxlan", "id", "1", "dstport", "8472"],
    "nftables": ["iptables-nft", "--table", "filter", "--append", "INPUT", "--jump", "ACCEPT"],
}


def program_version(program: str, option: str) -> str:
    """Return the version number that a program prints of itself; "" where it does not run."""
    try:
        asked = subprocess.run(
            [program, option], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_TRIAL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+[^\s,]*", asked.stdout)
    return match.group(0) if match and asked.returncode == 0 else ""


def failed_kernel_features() -> list[str]:
    """Try each kernel feature that container nodes need in a network namespace of its own; return those that fail."""
    failed = [] if "overlay" in Path("/proc/filesystems").read_text(encoding="ascii") else ["overlay"]
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    return failed + [name for name, argv in _NETWORK_TRIALS.items() if not _succeeds([*namespace, *argv])]


def _succeeds(argv: list[str]) -> bool:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        return subprocess.run(argv, capture_output=True, timeout=_TRIAL_S, env=environment, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def kvm_problem() -> str:
    """Say why KVM is of no use here, "" when it boots Linux: a kernel is booted under it until it finds no disk."""
    if not KVM.exists():
        return "no /dev/kvm"
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "/dev/kvm is there, but you may not use it (group kvm)"
    qemu, kernel = shutil.which("qemu-system-x86_64"), find_kernel()
    if qemu is None:
        return "/dev/kvm is there; not tried, because QEMU is not installed"
    if kernel is None:
        return "/dev/kvm is there; not tried, because there is no kernel to boot in /boot or in the cache"
    return "" if _boots(qemu, kernel) else f"/dev/kvm is there, but Linux did not boot under it in {KVM_TRIAL_S} s"


def find_kernel() -> Path | None:
    """Return a kernel that this user can read: that of a node's box, else one of the host's own."""
    candidates = [*sorted(node_dir().glob("*/vmlinuz")), *sorted(Path("/boot").glob("vmlinuz-*"))]
    return next((path for path in candidates if os.access(path, os.R_OK)), None)


def _boots(qemu: str, kernel: Path) -> bool:
    """Without a root file system the kernel panics and, by ``panic=-1`` and ``-no-reboot``, ends QEMU."""
    argv = [qemu, "-accel", "kvm", "-m", "256", "-nographic", "-no-reboot", "-nodefaults", "-kernel", str(kernel)]
    try:
        done = subprocess.run(
            [*argv, "-append", "panic=-1 quiet"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=KVM_TRIAL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
