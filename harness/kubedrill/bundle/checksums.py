"""A seal: the sizes and sha256 of a cached part's files, written when it was built.

Tells later whether it is intact.

A file is hashed again only if it was written after its seal, so that looking a whole bundle up
costs no time. A look-up therefore does not see bits that a disk lost; `kubedrill bundle verify`
hashes everything.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from kubedrill.base.files import sha256_of
from kubedrill.base.strict_json import load_json

if TYPE_CHECKING:
    from pathlib import Path

CHECKSUMS = "part.json"


@dataclass(frozen=True)
class FileChecksum:
    """What one file was when its part was built."""

    size: int
    """Bytes."""
    sha256: str


def write_checksums(folder: Path) -> None:
    """Write the seal of all files below a folder."""
    files = {
        str(path.relative_to(folder)): asdict(FileChecksum(path.stat().st_size, sha256_of(path)))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / CHECKSUMS).write_text(json.dumps(files, indent=1) + "\n", encoding="utf-8")


def read_checksums(folder: Path) -> dict[str, FileChecksum]:
    """Return path → what the file was; nothing where there is no readable seal."""
    try:
        raw = load_json((folder / CHECKSUMS).read_text(encoding="utf-8"))
        return {path: FileChecksum(**file) for path, file in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def is_intact(folder: Path) -> bool:
    """Whether a part has a seal and all its files are as they were then."""
    files = read_checksums(folder)
    return bool(files) and not any(
        is_changed(folder / path, was, folder / CHECKSUMS) for path, was in files.items()
    )


def is_changed(path: Path, was: FileChecksum, record: Path) -> bool:
    """Whether a file is not what it was when ``record`` was written."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return True
    if now.st_size != was.size:
        return True
    return now.st_mtime_ns > record.stat().st_mtime_ns and sha256_of(path) != was.sha256
