"""The flags that kubeadm writes for a kubelet, without those that a newer one refuses."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    run,
)

FLAGS = Path("/var/lib/kubelet/kubeadm-flags.env")

# Flags that an older kubeadm gave the kubelet, and that the `post-upgrade` phase of a newer one
# takes out again (kubeadm 1.35, app/cmd/phases/upgrade/postupgrade.go): a kubelet that no longer
# knows them does not start, and here it starts before kubeadm's phase. An older kubelet starts
# without them too.
RETIRED = ("pod-infra-container-image",)


def without_flag(text: str, flag: str) -> str:
    """The text of kubeadm's file of the kubelet's flags, without one of them.

    >>> without_flag('KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.1 --gone=pause:3.10 --v=2"', "gone")
    'KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.1 --v=2"'
    >>> without_flag('KUBELET_KUBEADM_ARGS="--gone=pause:3.10"', "gone")
    'KUBELET_KUBEADM_ARGS=""'
    """
    return re.sub(rf' --{flag}=[^\s"]*|--{flag}=[^\s"]* ?', "", text)


def stage_flags(staged: Path, flags: Path) -> None:
    """Stage the kubelet's flags where the staged kubelet refuses one of them."""
    program = staged / "kubelet"
    text = flags.read_text(encoding="utf-8") if program.exists() and flags.exists() else ""
    staged_text = text
    for flag in RETIRED:
        if f"--{flag}=" in text and not knows(program, flag):
            staged_text = without_flag(staged_text, flag)
    (staged / flags.name).unlink(missing_ok=True)  # an earlier upgrade's
    if staged_text != text:
        (staged / flags.name).write_text(staged_text, encoding="utf-8")


def knows(kubelet: Path, flag: str) -> bool:
    """Whether a kubelet knows a flag.

    ``--version`` comes first, so that it prints that and ends.
    """
    try:
        run([str(kubelet), "--version=true", f"--{flag}=any"], 30)
    except CommandError:
        return False
    return True
