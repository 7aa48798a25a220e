"""The user's cache of built parts and bundles.

Content-keyed, written whole or not at all, one builder at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubedrill.base.home import expand_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TEMPORARY = ".tmp-"


def cache_root() -> Path:
    """Return the first of $KUBEDRILL_CACHE, $XDG_CACHE_HOME/kubedrill, ~/.cache/kubedrill."""
    if configured := os.environ.get("KUBEDRILL_CACHE"):
        return expand_home(configured, "KUBEDRILL_CACHE").absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expand_home(base, "XDG_CACHE_HOME").absolute() / "kubedrill"


def content_key(inputs: Any) -> str:
    """Hash anything that JSON can express; equal inputs have equal keys.

    >>> content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def tree_digest(root: Path) -> str:
    """Hash names, modes and contents of the files below a folder.

    Byte-compiled Python does not count.
    """
    files = sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return content_key(
        [
            (
                str(p.relative_to(root)),
                os.access(p, os.X_OK),
                hashlib.sha256(p.read_bytes()).hexdigest(),
            )
            for p in files
        ]
    )


class Cache:
    """Parts and bundles below one folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_root()
        self.parts = self.root / "parts"
        self.bundles = self.root / "bundles"

    def part_dir(self, name: str, version: str, key: str) -> Path:
        """Where a part stands once it is built."""
        return self.parts / f"{name}-{version}-{key[:16]}"

    @contextmanager
    def whole(self, final: Path) -> Iterator[Path]:
        """Give an empty folder that replaces ``final`` if the block ends well, else vanishes."""
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}{final.name}-", dir=final.parent))
        temporary.chmod(
            0o755
        )  # nodes read it through a read-only mount, as other users than the builder
        try:
            yield temporary
            _swap(temporary, final)
        finally:
            remove_tree(temporary)

    @contextmanager
    def locked(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the build lock; a second builder calls ``waiting`` with who holds it, and waits.

        The kernel drops the lock with the process that holds it, however that ends. What an earlier
        builder left half-made is removed once the lock is held.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "build.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                waiting(
                    f"another build ({lock.read().strip() or 'starting'}) uses {self.root}: "
                    "waiting for it to end"
                )
                fcntl.flock(lock, fcntl.LOCK_EX)
            lock.truncate(0)
            lock.write(f"process {os.getpid()}\n")
            lock.flush()
            for folder in (self.parts, self.bundles):
                for leftover in folder.glob(f"{_TEMPORARY}*"):
                    remove_tree(leftover)
            yield


def _swap(new: Path, final: Path) -> None:
    """Put ``new`` in the place of ``final``.

    A reader finds the old or the new one, a crash leaves one of them.
    """
    if final.exists():
        old = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}old-", dir=final.parent))
        final.rename(old / "old")
        new.rename(final)
        remove_tree(old)
    else:
        new.rename(final)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all below it; nothing happens where there is none."""
    if folder.exists():
        shutil.rmtree(folder)
