"""What is new in a cycle, and the cycle in Markdown, for messages, and in JUnit's XML, for CI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from kubedrill.base.results import VerdictKind
from kubedrill.history.trends import Rules, find_trends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.base.document import RunDocument
    from kubedrill.nightly.state import CellState, CycleState

_SIGNS = {
    VerdictKind.PASS: "✅",
    VerdictKind.FAIL: "❌",
    VerdictKind.INCONCLUSIVE: "❓",
    VerdictKind.ABORTED: "⛔",
}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # not allowed in XML 1.0
_REASON = 300
"""Characters of a reason that a table's row has room for; the site has all of it."""


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
        for trend in find_trends(runs, Rules(), datetime.now(UTC)).worse
    ]


def title(cycle: CycleState) -> str:
    """One line: the plan, the worst verdict, how many cells passed."""
    passed = sum(cell.verdict is VerdictKind.PASS for cell in cycle.cells)
    return (
        f"kubedrill {cycle.plan}: {cycle.verdict.value}, {passed} of {len(cycle.cells)} cells "
        f"passed"
    )


def markdown(cycle: CycleState, news: News) -> str:
    """The news first, then every cell."""
    lines = [f"## {_plain(title(cycle))}", ""]
    lines += [f"**Stopped:** {_plain(news.stopped)}", ""] if news.stopped else []
    for head, items in (("Changed since the last cycle", news.verdicts), ("Got worse", news.worse)):
        lines += [f"**{head}**", "", *(f"- {_plain(item)}" for item in items), ""] if items else []
    lines += ["| cell | verdict | duration | why |", "|---|---|---|---|"]
    lines += [_row(cell) for cell in cycle.cells]
    lines += [
        "",
        (
            f"Cycle {cycle.cycle}, began "
            f"{cycle.started}{f', ended {cycle.ended}' if cycle.ended else ''}."
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(cell: CellState) -> str:
    what = (
        f"{cell.topology}, {' → '.join(cell.versions)}{f', {cell.during}' if cell.during else ''}"
    )
    verdict = f"{_SIGNS[cell.verdict]} {cell.verdict.value}" if cell.verdict else "not begun"
    return f"| {what} | {verdict} | {lasted(cell) / 60:.0f} min | {_plain(cell.reason[:_REASON])} |"


def lasted(cell: CellState) -> float:
    """Seconds of all parts together."""
    return sum(part.seconds for part in cell.parts)


def _plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is, in one line."""
    single = " ".join(text.split())
    for char in "\\`*_[]|~#":
        single = single.replace(char, f"\\{char}")
    return single.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def junit(cycle: CycleState) -> str:
    """Each cell a test case.

    Failed (FAIL), in error (ABORTED, INCONCLUSIVE, not begun) or passed.
    """
    failures = sum(cell.verdict is VerdictKind.FAIL for cell in cycle.cells)
    errors = sum(cell.verdict not in {VerdictKind.FAIL, VerdictKind.PASS} for cell in cycle.cells)
    seconds = sum(lasted(cell) for cell in cycle.cells)
    counts = {"tests": str(len(cycle.cells)), "failures": str(failures), "errors": str(errors)}
    suite = ET.Element(
        "testsuite", {"name": f"kubedrill {cycle.plan}", "time": f"{seconds:.1f}", **counts}
    )
    suite.set("timestamp", cycle.started)
    for cell in cycle.cells:
        case = ET.SubElement(suite, "testcase", classname=f"kubedrill.{cycle.plan}", name=cell.key)
        case.set("time", f"{lasted(cell):.1f}")
        if cell.verdict is not VerdictKind.PASS:
            kind = "failure" if cell.verdict is VerdictKind.FAIL else "error"
            verdict = cell.verdict.value if cell.verdict else "not begun"
            reason = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", cell.reason)
            ET.SubElement(case, kind, type=verdict, message=reason[:_REASON]).text = reason
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
