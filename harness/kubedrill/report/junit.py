"""junit.xml, for CI systems.

FAIL is a failure, INCONCLUSIVE and ABORTED are errors, not run is skipped. A drill whose record is
missing, an interrupted run, and a run without any verdict are errors too: CI systems take a suite
of nothing but skipped cases for a success.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from kubedrill.base.results import DrillVerdict, LimitResult, VerdictKind
from kubedrill.report.run import Run, ended, since
from kubedrill.verdict.wording import bounds

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(run: Run) -> str:
    """One test case for each drill."""
    kinds = [verdict.verdict for verdict in run.verdicts]
    owed = {**_of_run(run), **run.missing}
    unproven = {VerdictKind.INCONCLUSIVE, VerdictKind.ABORTED}
    errors = len(owed) + sum(kind in unproven for kind in kinds)
    suite = Element(
        "testsuite",
        name=f"kubedrill {_clean(run.name)}",
        tests=str(len(kinds) + len(run.not_run) + len(owed)),
        failures=str(kinds.count(VerdictKind.FAIL)),
        errors=str(errors),
        skipped=str(len(run.not_run)),
        time=f"{sum(since(record, ended(record)) for record in run.records):.3f}",
    )
    for record, verdict in run.drills:
        seconds = f"{since(record, ended(record)):.3f}"
        _tell_verdict(_case(suite, verdict.drill, seconds), verdict)
    for name, reason in run.not_run.items():
        SubElement(_case(suite, name), "skipped", message=_clean(f"not run: {reason}"))
    kind = VerdictKind.ABORTED if run.interrupted else VerdictKind.INCONCLUSIVE
    for name, reason in owed.items():
        SubElement(_case(suite, name), "error", type=kind.value, message=_clean(reason))
    root = Element("testsuites")
    root.append(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _of_run(run: Run) -> dict[str, str]:
    """What is wrong with the run as a whole, as a case of its own."""
    if run.interrupted:
        return {"the run": "the run was interrupted before its end"}
    if not run.verdicts and not run.missing:
        return {"the run": "nothing was run, so nothing was proven"}
    return {}


def _case(suite: Element, name: str, seconds: str = "0") -> Element:
    return SubElement(suite, "testcase", classname="kubedrill", name=_clean(name), time=seconds)


def _tell_verdict(case: Element, verdict: DrillVerdict) -> None:
    limits = [_limit(result) for result in verdict.results]
    if verdict.verdict is VerdictKind.PASS:
        SubElement(case, "system-out").text = _clean(
            "\n".join([verdict.reason, *limits, *verdict.notes])
        )
        return
    tag = "failure" if verdict.verdict is VerdictKind.FAIL else "error"
    element = SubElement(case, tag, type=verdict.verdict.value, message=_clean(verdict.reason))
    lines = [f"{f.verdict.value}: {f.text}" for f in verdict.findings] + list(verdict.attributed)
    element.text = _clean("\n".join([*lines, *limits, *verdict.notes]))


def _limit(result: LimitResult) -> str:
    """What an outage limit allowed and what happened, in one line."""
    limit = result.limit
    allowed = "any number" if limit.max_failed is None else f"{limit.max_failed:,}"
    length = bounds(result.shortest_s, result.longest_s, open_ended=result.open_ended)
    return (
        f"{limit.probes}: {result.requests:,} requests, {result.failed:,} failed, "
        f"{allowed} allowed; longest outage {length}, {limit.source} {limit.allowed_s:g} s"
    )


def _clean(text: str) -> str:
    """XML cannot hold control characters, not even escaped."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
