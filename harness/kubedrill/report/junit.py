"""junit.xml, for CI systems.

FAIL is a failure, INCONCLUSIVE and ABORTED are errors, not run is skipped.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from kubedrill.base.model import DrillVerdict, LimitResult, Record, VerdictKind
from kubedrill.report.run import Run, ended, since
from kubedrill.verdict.wording import bounds

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(run: Run) -> str:
    """One test case for each drill."""
    kinds = [verdict.verdict for verdict in run.verdicts]
    errors = sum(kind in {VerdictKind.INCONCLUSIVE, VerdictKind.ABORTED} for kind in kinds)
    suite = Element(
        "testsuite",
        name=f"kubedrill {_clean(run.name)}",
        tests=str(len(kinds) + len(run.not_run)),
        failures=str(kinds.count(VerdictKind.FAIL)),
        errors=str(errors),
        skipped=str(len(run.not_run)),
        time=f"{sum(since(record, ended(record)) for record in run.records):.3f}",
    )
    for record, verdict in run.drills:
        _case(suite, record, verdict)
    for name, reason in run.not_run.items():
        case = SubElement(suite, "testcase", classname="kubedrill", name=_clean(name), time="0")
        SubElement(case, "skipped", message=_clean(f"not run: {reason}"))
    root = Element("testsuites")
    root.append(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, record: Record, verdict: DrillVerdict) -> None:
    seconds = f"{since(record, ended(record)):.3f}"
    case = SubElement(
        suite, "testcase", classname="kubedrill", name=_clean(verdict.drill), time=seconds
    )
    limits = [_limit(result) for result in verdict.results]
    if verdict.verdict is VerdictKind.PASS:
        SubElement(case, "system-out").text = _clean("\n".join([verdict.reason, *limits]))
        return
    tag = "failure" if verdict.verdict is VerdictKind.FAIL else "error"
    element = SubElement(case, tag, type=verdict.verdict.value, message=_clean(verdict.reason))
    lines = [f"{f.verdict.value}: {f.text}" for f in verdict.findings] + list(verdict.attributed)
    element.text = _clean("\n".join([*lines, *limits]))


def _limit(result: LimitResult) -> str:
    """What an outage limit allowed and what happened, in one line."""
    limit = result.limit
    allowed = "any number" if limit.max_failed is None else f"{limit.max_failed:,}"
    length = bounds(result.shortest_s, result.longest_s, open_ended=result.open_ended)
    return (
        f"{limit.probes}: {result.requests:,} requests, {result.failed:,} failed, "
        f"{allowed} allowed; longest outage {length}, limit {limit.limit_s:g} s"
    )


def _clean(text: str) -> str:
    """XML cannot hold control characters, not even escaped."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
