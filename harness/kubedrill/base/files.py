"""Writes files whole, and sums them."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO


PRIVATE_FILE = 0o640
"""Of the files of a run: what happened on a cluster is nobody's but its owner's and the group's."""
_PRIVATE_FOLDER = 0o750


def replace_file(
    path: Path, content: str | bytes | Iterable[str], *, mode: int = PRIVATE_FILE
) -> None:
    """Write a file in one step and sync it: a reader, or a power loss, finds the old or the new.

    Where writing fails, the file is as it was before. ``mode`` is what a new file gets, less the
    process's umask, and an old one too.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)  # of a killed process that had the same number
        with open_private(temporary, mode=mode) as file:
            parts = (content,) if isinstance(content, str | bytes) else content
            file.writelines(part.encode() if isinstance(part, str) else part for part in parts)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def open_private(path: Path, *, append: bool = False, mode: int = PRIVATE_FILE) -> BinaryIO:
    """Open a file to write, anew or at its end, that others cannot read from its first byte on."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if append else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, mode), "ab" if append else "wb")


def make_private_folder(path: Path, *, exist_ok: bool = True) -> None:
    """Make a folder that others cannot enter, and those above it that are missing."""
    if not path.parent.exists():
        make_private_folder(path.parent)
    path.mkdir(mode=_PRIVATE_FOLDER, exist_ok=exist_ok)


def _sync_folder(path: Path) -> None:
    """Sync a folder where its file system can: some shared ones cannot."""
    with suppress(OSError):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
