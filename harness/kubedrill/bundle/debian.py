"""Debian packages of the suite that nodes run, through the mirrors that the host's own apt uses."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.bundle.cache import remove_tree
from kubedrill.bundle.errors import BuildFailed, Unsupported
from kubedrill.bundle.releases import ARCH, DEBIAN_SUITE

if TYPE_CHECKING:
    from kubedrill.bundle.processes import Processes

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Where the host has no Debian mirror among its apt sources (another distribution).
MIRROR_VARIABLE = "KUBEDRILL_DEBIAN_MIRROR"
_SOURCES = Path("/etc/apt")


@dataclass(frozen=True)
class Mirror:
    """One Debian archive: its base URL and whether it holds the security updates."""

    uri: str
    security: bool

    def source_line(self, suite: str = DEBIAN_SUITE) -> str:
        """Return one line of sources.list, checked against Debian's own keys.

        >>> mirror = Mirror("http://mirror.example/debian", security=False)
        >>> mirror.source_line("trixie").split("] ")[1]
        'http://mirror.example/debian trixie main'
        """
        name = f"{suite}-security" if self.security else suite
        return f"deb [signed-by={KEYRING}] {self.uri} {name} main"


def find_mirrors(sources: Path = _SOURCES) -> list[Mirror]:
    """Return the mirrors of the host's apt sources, or those in ``KUBEDRILL_DEBIAN_MIRROR``.

    The variable holds one or more base URLs, with spaces between them; one that ends with
    ``security`` has the security updates.

    Raises:
        Unsupported: the host, or the variable, names no Debian mirror.
    """
    mirrors: dict[str, Mirror] = {}
    if configured := [uri.rstrip("/") for uri in os.environ.get(MIRROR_VARIABLE, "").split()]:
        mirrors = {uri: Mirror(uri, uri.endswith("security")) for uri in configured}
        if all(m.security for m in mirrors.values()):
            raise Unsupported(
                f"{MIRROR_VARIABLE} is {' '.join(configured)}, which has security updates only: "
                "add the base URL of the Debian mirror itself."
            )
        return sorted(mirrors.values(), key=lambda m: m.security)
    for uri, suites in _entries(sources):
        if re.search(r"/debian(-security)?/?$", uri):
            security = all(s.endswith(("-security", "/updates")) for s in suites)
            mirrors.setdefault(uri.rstrip("/"), Mirror(uri.rstrip("/"), security))
    if not any(not m.security for m in mirrors.values()):
        raise Unsupported(
            f"no Debian mirror was found in {sources}/sources.list and {sources}/sources.list.d: "
            "node images and "
            f"Debian {DEBIAN_SUITE} packages come from one. Set {MIRROR_VARIABLE} to the base URL "
            "of a Debian mirror."
        )
    return sorted(mirrors.values(), key=lambda m: m.security)


def _entries(sources: Path) -> list[tuple[str, list[str]]]:
    """Return (URI, suites) of each source of binary packages, from both formats that apt reads."""
    entries: list[tuple[str, list[str]]] = []
    for path in [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            lines = re.findall(r"^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)", text, re.MULTILINE)
            entries += [(uri, [suite]) for uri, suite in lines]
    for path in sorted((sources / "sources.list.d").glob("*.sources")):
        entries += _stanza_entries(path.read_text(encoding="utf-8"))
    return entries


def _stanza_entries(text: str) -> list[tuple[str, list[str]]]:
    entries = []
    for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)):
        fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", stanza, re.MULTILINE))
        if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes") != "no":
            entries += [
                (uri, fields.get("Suites", "").split()) for uri in fields.get("URIs", "").split()
            ]
    return entries


def bootstrap(  # noqa: PLR0913 - each is named by the caller
    processes: Processes,
    out: Path,
    packages: list[str],
    *,
    variant: str,
    options: list[str],
    suite: str = DEBIAN_SUITE,
) -> None:
    """Make a root of Debian packages with mmdebstrap.

    Args:
        processes: what runs it.
        out: the ``.tar`` archive to write; without root's rights mmdebstrap can make nothing else.
        packages: packages beside those of the variant.
        variant: mmdebstrap's: ``essential``, ``extract`` (unpacked only), …
        options: further options of mmdebstrap.
        suite: release of Debian.

    Raises:
        BuildFailed: a signature is wrong, a package is unknown or the mirror does not answer.
    """
    work = out.parent / f".{out.name}.work"
    work.mkdir()
    try:
        processes.run(
            f"Debian {suite} with {' '.join(packages)}",
            [
                *("mmdebstrap", f"--variant={variant}", f"--architectures={ARCH}"),
                *("--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Retries 3"),
                f"--include={','.join(packages)}",
                *options,
                *(suite, str(out)),
                *(mirror.source_line(suite) for mirror in find_mirrors()),
            ],
            # as root it works beside its output: the users within it cannot enter a home folder
            env={"LC_ALL": "C", **({"TMPDIR": str(work)} if os.geteuid() == 0 else {})},
        )
    finally:
        _clear(work)


def _clear(work: Path) -> None:
    # A killed mmdebstrap may leave a mount: removing the folder would remove what the mount shows.
    mounts = [
        line.split()[1]
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    ]
    below = [m for m in mounts if m.startswith(f"{work}/")]
    if below:
        raise BuildFailed(
            f"{below[0]} is still mounted after mmdebstrap ended: `umount {below[0]}`, then build "
            "again"
        )
    remove_tree(work)


def package_versions(stanzas: str) -> dict[str, str]:
    r"""Return name → version of a dpkg status file or of what ``apt-cache show`` prints.

    >>> stanzas = "Package: runc\nVersion: 1.1.15+ds1-2\n\nPackage: libc6\nVersion: 2.41-12\n"
    >>> package_versions(stanzas)
    {'runc': '1.1.15+ds1-2', 'libc6': '2.41-12'}
    """
    parsed = [
        dict(re.findall(r"^(Package|Version): (.*)$", s, re.MULTILINE))
        for s in stanzas.split("\n\n")
    ]
    return {s["Package"]: s["Version"] for s in parsed if {"Package", "Version"} <= s.keys()}
