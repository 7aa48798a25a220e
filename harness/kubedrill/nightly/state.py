"""What is known of a cycle, on the disk after every phase.

Whole and synced, or the version before.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from kubedrill.base.errors import Unsafe, UsageError
from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
FILE = "cycle.json"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFull(Unsafe):
    """There is no room left to record what happens.

    The cycle stops with the record so far intact.
    """


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class PartState(_State):
    """One part of a cell: up, before, upgrade to …, after, diagnostics, down.

    ``ended`` is empty while it runs.
    """

    name: str
    started: str
    ended: str = ""
    seconds: float = 0.0
    result: str = ""  # "ok", "failed", "time limit", "interrupted"
    code: int | None = None
    verdict: VerdictKind | None = None
    reason: str = ""
    log: str = ""


class CellState(_State):
    """One cell. ``phase`` is "pending", "running" or "done".

    ``left`` says what could not be taken away.
    """

    key: str
    topology: str
    versions: tuple[str, ...]
    during: str
    cluster: str
    network: str = ""
    phase: str = "pending"
    attempt: int = 0
    verdict: VerdictKind | None = None
    reason: str = ""
    parts: list[PartState] = []
    runs: list[str] = []
    interruptions: list[str] = []
    cluster_kept: bool = Field(default=False, validation_alias=AliasChoices("cluster_kept", "kept"))
    left: str = ""
    diagnostics: str = Field(
        default="",
        validation_alias=AliasChoices("diagnostics", "artefacts"),
        description="archive, relative to the cycle's folder",
    )


class CycleState(_State):
    """One cycle. ``ended`` is empty while it runs, and after it was killed."""

    format: int = FORMAT
    cycle: str
    plan: str
    plan_path: str
    digest: str
    started: str
    ended: str = ""
    outcome: str = ""  # one sentence, when it ended
    stopped: list[str] = []  # why it stopped before its end, each time
    cells: list[CellState]

    @property
    def verdict(self) -> VerdictKind:
        """The worst verdict; a cell without one proves nothing."""
        return VerdictKind.worst([cell.verdict or VerdictKind.INCONCLUSIVE for cell in self.cells])


class Store:
    """A cycle's folder: ``cycle.json``, and a folder for each cell with its logs and inventory."""

    def __init__(self, folder: Path, state: CycleState) -> None:
        self.folder, self.state = folder, state

    def save(self) -> None:
        """Write the state: a reader, or a power loss, finds either the old one or the new one.

        Raises:
            DiskFull: there is no room; the state on the disk is the one before.
        """
        write_whole(self.folder / FILE, self.state.model_dump_json(indent=2) + "\n")

    def cell_folder(self, cell: CellState) -> Path:
        """The cell's own folder."""
        folder = self.folder / cell.key
        with told_when_full(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder


def write_whole(path: Path, text: str) -> None:
    """Write a file with fsync and rename, and sync its folder, so that the rename lasts too.

    Raises:
        DiskFull: there is no room; the file is as it was before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with told_when_full(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


class told_when_full:  # noqa: N801 - used as a context
    """Turn "no space left" into :class:`DiskFull`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Tell a full disk in words."""
        if isinstance(error, OSError) and error.errno in _FULL:
            raise DiskFull(
                f"the disk of {self.path.parent} is full ({error.strerror}): the cycle stops here, "
                f"what was recorded "
                "before is intact. Make room, then run the same command again: it goes on."
            ) from error


def read_state(folder: Path) -> CycleState:
    """Read a cycle's state.

    Raises:
        UsageError: it is not one of this version of kubedrill; nothing was changed.
    """
    path = folder / FILE
    try:
        return CycleState.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise UsageError(
            f"{path}: found something else, expected the state of a cycle of this version of "
            f"kubedrill ({first}). "
            "Move the folder away; what its clusters left is found by: make clean"
        ) from error


def all_cycles(root: Path) -> list[Path]:
    """The folders of all cycles below a folder, the oldest first."""
    return sorted(path.parent for path in root.glob(f"*/{FILE}"))
