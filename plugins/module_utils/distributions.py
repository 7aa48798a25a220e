"""Linux distributions: which are supported, and what their families do unlike each other.

Pure but for reading ``os-release``, and Python 3.9: modules on nodes and filters on the controller
use it.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping

DEBIAN, REDHAT, SUSE = "debian", "redhat", "suse"
ANY = ("",)
"""Of a distribution without releases."""
_REDHAT = ("9", "10")

SUPPORTED = {
    "debian": ("11", "12", "13"),
    "ubuntu": ("22.04", "24.04"),
    "rhel": _REDHAT,
    "centos": _REDHAT,
    "rocky": _REDHAT,
    "almalinux": _REDHAT,
    "ol": _REDHAT,
    "sles": ("15.6", "15.7", "16.0"),
    "opensuse-leap": ("15.6", "16.0"),
    "opensuse-tumbleweed": ANY,
}
"""ID of os-release → releases; "9" is each 9.x too."""

NAMES = {
    "debian": "Debian",
    "ubuntu": "Ubuntu",
    "rhel": "RHEL",
    "centos": "CentOS Stream",
    "rocky": "Rocky Linux",
    "almalinux": "AlmaLinux",
    "ol": "Oracle Linux",
    "sles": "SLES",
    "opensuse-leap": "openSUSE Leap",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
}
CODENAMES = {"bullseye": "11", "bookworm": "12", "trixie": "13"}
"""Of Debian, whose images before a release have no VERSION_ID."""
FAMILIES = {
    **dict.fromkeys(("debian", "ubuntu"), DEBIAN),
    **dict.fromkeys(("rhel", "centos", "rocky", "almalinux", "ol", "fedora"), REDHAT),
    **dict.fromkeys(("suse", "sles", "opensuse"), SUSE),
}
"""ID or ID_LIKE of os-release → family."""


def read_os_release(root: Path = Path("/")) -> dict[str, str]:
    """Return the distribution's ``id``, ``version``, ``name`` and ``family``."""
    places = (root / "etc/os-release", root / "usr/lib/os-release")
    there = next((path for path in places if path.is_file()), None)
    return parse_os_release(there.read_text(encoding="utf-8", errors="replace") if there else "")


def parse_os_release(text: str) -> dict[str, str]:
    """Return the same of a text of os-release(5).

    >>> parse_os_release('ID="rocky" # Green Obsidian')["family"]
    'redhat'
    """
    values = {}
    for line in text.splitlines():
        key, is_set, value = line.strip().partition("=")
        if is_set and not key.startswith("#"):
            values[key] = _unquoted(value)
    name = values.get("ID", "linux").lower()
    version = values.get("VERSION_ID", "")
    if name == "debian" and not version:
        version = CODENAMES.get(values.get("VERSION_CODENAME", ""), "")
    alike = [name, *values.get("ID_LIKE", "").lower().split()]
    return {
        "id": name,
        "version": version,
        "name": values.get("PRETTY_NAME") or values.get("NAME") or "an unknown Linux",
        "family": next((FAMILIES[each] for each in alike if each in FAMILIES), ""),
    }


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value, comments=True)[:1])
    except ValueError:
        return value


def is_supported(distribution: Mapping[str, str]) -> bool:
    """Whether roles were made for a distribution of :func:`read_os_release`.

    >>> is_supported({"id": "rocky", "version": "9.4"}), is_supported({"id": "arch", "version": ""})
    (True, False)
    """
    version = parse_version(distribution["version"])
    return any(
        version[: len(parse_version(each))] == parse_version(each)
        for each in SUPPORTED.get(distribution["id"], ())
    )


def supported_names() -> str:
    """All supported distributions, for a sentence."""
    names = (f"{NAMES[name]} {' or '.join(each)}".strip() for name, each in SUPPORTED.items())
    return ", ".join(names)


def package_of(package: str | Mapping[str, str], family: str) -> str:
    """Name of a package in a family; one that none is given for is named as Debian names it.

    >>> package_of({"debian": "conntrack", "redhat": "conntrack-tools"}, "redhat")
    'conntrack-tools'
    >>> package_of("socat", "suse"), package_of({"debian": "mount"}, "")
    ('socat', 'mount')
    """
    if isinstance(package, str):
        return package
    return package.get(family) or package[DEBIAN]
