"""Asks nodes and cluster, and puts the redacted answers into one archive."""

from __future__ import annotations

import io
import os
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from kubedrill.base.errors import KubedrillError
from kubedrill.base.files import make_private_folder
from kubedrill.diagnostics.questions import BALANCER, CLUSTER, CONTROL_PLANE, NODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from kubedrill.base.model import Node
    from kubedrill.base.redact import Redactor
    from kubedrill.cluster.hosts import CommandResult

MOST_BYTES = 8_000_000
"""Of one command or file; the end is kept, as what went wrong is there."""
_FILES = ("*.log", "*.json", "*.yml", "*.yaml", "*.jsonl", "*.xml", "*.md", "*.txt")


class Answers(Protocol):
    """What runs commands on nodes: :class:`kubedrill.cluster.hosts.Hosts`."""

    def read(
        self, node: Node | str, argv: Sequence[str] | str, *, check: bool = True
    ) -> CommandResult:
        """Run a command as root that changes nothing."""


@dataclass
class Archive:
    """A tar archive under construction; every text goes through the redactor.

    It appears when it is whole.
    """

    path: Path
    redactor: Redactor
    missing: list[str] = field(default_factory=list)
    count: int = 0

    def __enter__(self) -> Self:
        make_private_folder(self.path.parent)
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w:gz", compresslevel=6)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._tar.close()
        self._file.close()
        if error is None:
            self._temporary.replace(self.path)
        else:
            self._temporary.unlink()

    def add(self, name: str, text: str) -> None:
        """Add a text file."""
        data = self.redactor.clean(text).encode()
        entry = tarfile.TarInfo(f"diagnostics/{name}")
        entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
        self._tar.addfile(entry, io.BytesIO(data))
        self.count += 1

    def note_missing(self, name: str, why: str) -> None:
        """Note what could not be read; MISSING.txt lists it."""
        self.missing.append(f"{name}: {' '.join(why.split())[:300]}")


def collect(archive: Archive, hosts: Answers, nodes: Sequence[Node], *, minutes: int) -> None:
    """Ask all nodes side by side, then the cluster through the first control plane that answers."""
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
        for node, answers in zip(
            nodes, pool.map(lambda node: list(_ask(hosts, node, minutes)), nodes), strict=True
        ):
            for name, text, why in answers:
                _put(archive, f"{node.name}/{name}", text, why)
    for name, command in CLUSTER.items():
        text, why = "", "no control plane answered"
        for plane in (node for node in nodes if node.is_control_plane):
            text, why = _answer(hosts, plane, command)
            if not why:
                break
        _put(archive, f"cluster/{name}", text, why)


def _ask(hosts: Answers, node: Node, minutes: int) -> Iterator[tuple[str, str, str]]:
    questions = (
        BALANCER
        if "load_balancer" in node.roles
        else NODE | (CONTROL_PLANE if node.is_control_plane else {})
    )
    for name, command in questions.items():
        text, why = _answer(hosts, node, command.replace("{minutes}", str(minutes)))
        yield name, text, why


def _answer(hosts: Answers, node: Node, command: str) -> tuple[str, str]:
    """Return a command's output, and why it is incomplete ("": it is not)."""
    try:
        result = hosts.read(node, command, check=False)
    except KubedrillError as error:
        return "", str(error)
    output = result.stdout[-MOST_BYTES:]
    if result.stderr or not result.ok:
        output += f"\n[ended with {result.rc}] {result.stderr}"
    return output, "" if result.ok else f"ended with {result.rc}: {result.stderr}"


def _put(archive: Archive, name: str, text: str, why: str) -> None:
    if why:
        archive.note_missing(name, why)
    if text:
        archive.add(name, text)


def add_files(archive: Archive, folders: Iterable[Path]) -> None:
    """Add logs, records, verdicts and inventories below folders; of long files the last part."""
    for folder in folders:
        paths = {
            path
            for pattern in _FILES
            for path in folder.rglob(pattern)
            if path.is_file() and not path.is_symlink()
        }
        for path in sorted(paths):
            name = f"{folder.name}/{path.relative_to(folder)}"
            try:
                archive.add(name, tail(path))
            except OSError as error:
                archive.note_missing(name, str(error))


def tail(path: Path) -> str:
    """The last part of a file, from the begin of a line on where it is cut."""
    with path.open("rb") as file:
        size = path.stat().st_size
        if size > MOST_BYTES:
            file.seek(size - MOST_BYTES)
            file.readline()
        return file.read().decode("utf-8", errors="replace")
