"""Trials of what this host can do.

The thing itself is done, in a place where it leaves nothing behind.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from kubedrill.base.answers import answer_of

_TRIAL_S = 20

_NETWORK_TRIALS = {
    "bridge": ["ip", "link", "add", "kd0", "type", "bridge"],
    "veth": ["ip", "link", "add", "kd0", "type", "veth"],
    "vxlan": ["ip", "link", "add", "kd0", "type", "vxlan", "id", "1", "dstport", "8472"],
    "nftables": ["iptables-nft", "--table", "filter", "--append", "INPUT", "--jump", "ACCEPT"],
}


def program_version(program: str, option: str) -> str:
    """Return the version number that a program prints of itself; "" where it does not run."""
    match = re.search(r"\d+\.\d+[^\s,]*", answer_of(program, option, seconds=_TRIAL_S) or "")
    return match.group(0) if match else ""


def failed_kernel_features() -> list[str]:
    """Try each kernel feature that container nodes need in a network namespace of its own.

    Return those that fail.
    """
    failed = (
        [] if "overlay" in Path("/proc/filesystems").read_text(encoding="ascii") else ["overlay"]
    )
    namespace = (
        ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    )
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    return failed + [
        name
        for name, argv in _NETWORK_TRIALS.items()
        if answer_of(*namespace, *argv, seconds=_TRIAL_S, env=environment) is None
    ]
