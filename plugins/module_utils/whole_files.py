"""Files that are, after a power cut too, either the former one or the new one."""

from __future__ import annotations

import filecmp
import os
import shutil
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path, mode: int = 0o600, *, sync: bool = True) -> Iterator[IO[bytes]]:
    """Open a new file that takes the place of ``path`` when the block ends.

    It is on the disk then, unless ``sync`` is off, as for a large file that a later run compares.
    Where the block raises, ``path`` stays as it was.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb", opener=_open_private) as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if sync:
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if sync:
        sync_path(path.parent)


def sync_path(path: Path) -> None:
    """Return when a file's content, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file in one step."""
    with replacing(path, mode) as stream:
        stream.write(content)


def copy_whole(source: Path, target: Path, mode: int = 0o600, *, sync: bool = True) -> None:
    """Copy a file in one step."""
    with source.open("rb") as content, replacing(target, mode, sync=sync) as stream:
        shutil.copyfileobj(content, stream)


def same_content(one: Path, other: Path) -> bool:
    """Whether two files exist with the same content."""
    return one.exists() and other.exists() and filecmp.cmp(one, other, shallow=False)
