"""What is known of a cycle, on the disk after every phase.

Whole and synced, or the version before.
"""

from __future__ import annotations

import errno
import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, StrictInt

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    has_control_characters,
)
from kubedrill.base.errors import Unsafe, UsageError
from kubedrill.base.files import make_private_folder, replace_file
from kubedrill.base.redact import redact_value
from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = 1
FILE = "cycle.json"
FOLDER = "nightly"
"""Of all cycles, below the reports."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFull(Unsafe):
    """There is no room left to record what happens.

    The cycle stops with the record so far intact.
    """


def _inside(path: str) -> str:
    """Refuse a path that leaves the cycle's folder: a state is a file that was read."""
    if path.startswith("/") or ".." in path.split("/") or has_control_characters(path):
        raise ValueError("leaves the cycle's folder")
    return path


_Inside = Annotated[str, AfterValidator(_inside)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)]


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


def now() -> str:
    """The time as ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class PartState(_State):
    """One part of a cell: up, before, upgrade to …, after, diagnostics, down.

    ``ended`` is empty while it runs.
    """

    name: str
    started: str = Field(default_factory=now)
    ended: str = ""
    seconds: float = 0.0
    result: str = ""  # "ok", "failed", "time limit", "interrupted"
    code: StrictInt | None = None
    verdict: VerdictKind | None = None
    reason: str = ""
    log: _Inside = ""

    def end(self, result: str, seconds: float = 0.0, code: int | None = None) -> None:
        """Record how it ended."""
        self.ended, self.result, self.seconds, self.code = now(), result, round(seconds, 1), code


class Cell(_State):
    """One fresh cluster and what is done to it. ``during`` is empty where nothing is upgraded.

    ``key`` is what the cell is called: the same in every cycle, and good for a folder's name.
    """

    key: _Inside
    topology: str
    versions: tuple[str, ...]
    during: str

    @property
    def planes(self) -> int:
        """Count of control planes."""
        return int(self.topology.split("+")[0])

    @property
    def workers(self) -> int:
        """Count of workers."""
        return int(self.topology.split("+")[1])

    @property
    def balancer(self) -> bool:
        """Whether a load balancer outside the cluster stands in front of its API."""
        return self.topology.endswith("+lb")


class CellState(Cell):
    """A cell of a cycle. ``phase`` is "pending", "running" or "done".

    ``left`` says what could not be taken away.
    """

    cluster: _Name
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
    diagnostics: _Inside = Field(
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
    started: str = Field(default_factory=now)
    ended: str = ""
    outcome: str = ""  # one sentence, when it ended
    stopped: list[str] = []  # why it stopped before its end, each time
    cells: list[CellState]

    @property
    def verdict(self) -> VerdictKind:
        """The worst verdict; a cell without one proves nothing."""
        return VerdictKind.worst([cell.verdict or VerdictKind.INCONCLUSIVE for cell in self.cells])

    @property
    def age_s(self) -> float:
        """Seconds since it began."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.started)).total_seconds()

    def end(self, outcome: str) -> None:
        """Record how it ended, in one sentence."""
        self.ended, self.outcome = now(), outcome


class Store:
    """A cycle's folder: ``cycle.json``, and a folder for each cell with its logs and inventory."""

    def __init__(self, folder: Path, state: CycleState) -> None:
        self.folder, self.state = folder, state

    def save(self) -> None:
        """Write the state: a reader, or a power loss, finds either the old one or the new one.

        Secrets are taken out of it.

        Raises:
            DiskFull: there is no room; the state on the disk is the one before.
        """
        state = redact_value(self.state.model_dump(mode="json"))
        write_whole(self.folder / FILE, json.dumps(state, indent=2, ensure_ascii=False) + "\n")

    def cell_folder(self, cell: CellState) -> Path:
        """The cell's own folder."""
        folder = self.folder / cell.key
        with refuse_full_disk(folder):
            make_private_folder(folder)
        return folder


def write_whole(path: Path, text: str) -> None:
    """Write a file and its folders so that a power loss leaves the old one or the new one.

    Raises:
        DiskFull: there is no room; the file is as it was before.
    """
    with refuse_full_disk(path):
        make_private_folder(path.parent)
        replace_file(path, text)


@contextmanager
def refuse_full_disk(path: Path) -> Iterator[None]:
    """Turn "no space left" into :class:`DiskFull`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFull(
            f"the disk of {path.parent} is full ({error.strerror}): the cycle stops here, what was "
            "recorded before is intact. Make room, then run the same command again: it goes on."
        ) from error


def read_state(folder: Path) -> CycleState:
    """Read a cycle's state.

    Raises:
        UsageError: it is not one of this version of kubedrill; nothing was changed.
    """
    path = folder / FILE
    try:
        state = redact_value(json.loads(path.read_text(encoding="utf-8")))
        return _consistent(CycleState.model_validate(state))
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise UsageError(
            f"{path}: found something else, expected the state of a cycle of this version of "
            f"kubedrill ({first}). "
            "Move the folder away; what its clusters left is found by: make clean"
        ) from error


def _consistent(cycle: CycleState) -> CycleState:
    """Refuse a cell whose verdict is better than one of its parts', or a PASS without any."""
    for cell in cycle.cells:
        if cell.verdict is VerdictKind.PASS and not any(part.verdict for part in cell.parts):
            raise ValueError(f"{cell.key} is PASS, and no part of it has a verdict")
        for part in cell.parts:
            if cell.verdict and part.verdict and part.verdict.rank > cell.verdict.rank:
                raise ValueError(
                    f"{cell.key} is {cell.verdict.value}, and its part {part.name} is "
                    f"{part.verdict.value}"
                )
    return cycle


def all_cycles(root: Path) -> list[Path]:
    """The folders of all cycles below a folder, the oldest first."""
    return sorted(path.parent for path in root.glob(f"*/{FILE}"))
