"""Versions of Kubernetes, of containerd and of the kernel.

Pure, and Python 3.9: modules on nodes, filters on the controller and the harness use it.
"""

from __future__ import annotations

import re

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
