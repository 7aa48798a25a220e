"""What is new in a cycle against the ones before it.

Verdicts of cells, and series that got worse. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.results import VerdictKind
from kubedrill.history.trends import Rules, find_trends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.base.document import RunDocument
    from kubedrill.nightly.state import CellState, CycleState


@dataclass(frozen=True)
class News:
    """What a cycle changes. ``verdicts`` and ``worse`` are sentences.

    ``stopped`` says why it did not end.
    """

    verdicts: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    stopped: str = ""

    def __bool__(self) -> bool:
        return bool(self.verdicts or self.worse or self.stopped)


def news_of(cycle: CycleState, earlier: Sequence[CycleState], runs: Sequence[RunDocument]) -> News:
    """Compare a cycle with earlier ones, oldest first, and the history with and without it."""
    its_runs = {run for cell in cycle.cells for run in cell.runs}
    known = _worse([run for run in runs if run.run not in its_runs])
    named = {text.split(": ")[0] for text in known}
    worse = [text for text in _worse(runs) if text.split(": ")[0] not in named]
    stopped = "" if cycle.ended or not cycle.stopped else cycle.stopped[-1]
    return News(
        tuple(filter(None, (_change(cell, cycle, earlier) for cell in cycle.cells))),
        tuple(worse),
        stopped,
    )


def _change(cell: CellState, cycle: CycleState, earlier: Sequence[CycleState]) -> str:
    """A sentence, "" where the cell is as it was.

    A cell that was never seen before is news where it did not pass.
    """
    if cell.verdict is None:
        return ""
    before = [
        old.verdict
        for past in earlier
        if past.plan == cycle.plan and past.cycle != cycle.cycle
        for old in past.cells
        if old.key == cell.key and old.verdict
    ]
    was = before[-1] if before else VerdictKind.PASS
    if cell.verdict is was:
        return ""
    return (
        f"{cell.key}: {cell.verdict.value}{f', was {was.value}' if before else ''} ({cell.reason})"
    )


def _worse(runs: Sequence[RunDocument]) -> list[str]:
    return [
        f"{trend.series.key.drill}, {trend.series.key}, {trend.series.measure}: {trend.note}"
        for trend in find_trends(runs, Rules()).worse
    ]
