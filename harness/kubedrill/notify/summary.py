"""A cycle in Markdown, for merge requests and messages, and in JUnit's XML, for CI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from kubedrill.nightly.state import CellState, CycleState
    from kubedrill.notify.changes import News

_SIGNS = {
    VerdictKind.PASS: "✅",
    VerdictKind.FAIL: "❌",
    VerdictKind.INCONCLUSIVE: "❓",
    VerdictKind.ABORTED: "⛔",
}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # not allowed in XML 1.0
_REASON = 300
"""Characters of a reason that a table's row has room for; the site has all of it."""


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
