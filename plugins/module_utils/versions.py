"""Versions of Kubernetes, of containerd and of the kernel.

Pure, and Python 3.9: modules on nodes, filters on the controller and the harness use it.
"""

from __future__ import annotations

import re

OLDEST_PYTHON = (3, 9)
"""Of what runs on nodes; Debian 11's."""
VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")


def parse_version(text: str) -> tuple[int, ...]:
    """Return major, minor and patch, as many as there are; () where it is no version.

    Pre-release and build parts are left out.

    >>> parse_version("v1.36.3-rc.1+k3s1"), parse_version("5.13"), parse_version("none")
    ((1, 36, 3), (5, 13), ())
    >>> parse_version("1.36.3") > parse_version("1.9.12")
    True
    """
    match = VERSION.match(text)
    return tuple(int(part) for part in match.groups() if part) if match else ()


def upgrade_problem(running: str, target: str) -> str:
    """Why kubeadm cannot go from one release to another; "" where it can.

    >>> upgrade_problem("1.34.1", "1.36.3")
    'going to 1.36.3 skips a minor version: upgrade to 1.35 first'
    >>> upgrade_problem("1.35.4", "1.36.3")
    ''
    """
    before, after = parse_version(running), parse_version(target)
    if before > after:
        return f"going to {target} is a downgrade, which kubeadm cannot do: choose a later version"
    if before[0] != after[0] or after[1] - before[1] > 1:
        step = f"{before[0]}.{before[1] + 1}"
        return f"going to {target} skips a minor version: upgrade to {step} first"
    return ""
