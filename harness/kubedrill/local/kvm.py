"""Whether KVM is of use here.

A kernel is booted under it, because a /dev/kvm that hangs is worse than none.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from kubedrill.base.answers import answer_of
from kubedrill.local.node_image import node_dir

KVM = Path("/dev/kvm")
KVM_TRIAL_S = 30
"""Seconds for a kernel to boot and stop for want of a root file system: 2 s with KVM, 6 s without
it."""


def kvm_problem() -> str:
    """Say why KVM is of no use here; "" when it boots Linux."""
    if not KVM.exists():
        return "no /dev/kvm"
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "/dev/kvm is there, but you may not use it (group kvm)"
    qemu, kernel = shutil.which("qemu-system-x86_64"), find_kernel()
    if qemu is None:
        return "/dev/kvm is there; not tried, because QEMU is not installed"
    if kernel is None:
        return "/dev/kvm is there; not tried: there is no kernel to boot in /boot or in the cache"
    return (
        ""
        if boots(qemu, kernel, "kvm")
        else f"/dev/kvm is there, but Linux did not boot under it in {KVM_TRIAL_S} s"
    )


def find_kernel() -> Path | None:
    """Return a kernel that this user can read: that of a node's box, else one of the host's own."""
    candidates = [*sorted(node_dir().glob("*/vmlinuz")), *sorted(Path("/boot").glob("vmlinuz-*"))]
    return next((path for path in candidates if os.access(path, os.R_OK)), None)


def boots(qemu: str, kernel: Path, accelerator: str) -> bool:
    """Boot a kernel without a root file system.

    It panics and, by ``panic=-1`` and ``-no-reboot``, ends QEMU.
    """
    argv = [qemu, "-accel", accelerator, "-m", "256", "-nographic", "-no-reboot", "-nodefaults"]
    boot = [*argv, "-kernel", str(kernel), "-append", "panic=-1 quiet"]
    return answer_of(*boot, seconds=KVM_TRIAL_S) is not None
