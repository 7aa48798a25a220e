"""Applies every rule to a snapshot. Pure: no cluster, no clock.

What could not be read is an issue, never a pass.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from kubedrill.readiness.model import Issue, Readiness, Severity
from kubedrill.readiness.rules import ALL, PER_NODE, Rule
from kubedrill.readiness.rules.issues import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Snapshot

_ORDER = list(Severity)
READING = "reading"
"""Stands in place of a rule's name where something could not be read."""


def judge(snapshot: Snapshot) -> Readiness:
    """Return all findings, blockers first."""
    findings = [*_not_read(snapshot), *_silent_nodes(snapshot)]
    for rule in ALL:
        if not _missing(snapshot, rule):
            findings += [replace(finding, rule=rule.name) for finding in rule.judge(snapshot)]
    findings.sort(key=lambda finding: _ORDER.index(finding.severity))
    return Readiness(
        cluster=snapshot.cluster,
        inventory=snapshot.inventory,
        target=str(snapshot.target),
        taken=snapshot.taken,
        findings=tuple(dict.fromkeys(findings)),
        rules=tuple(rule.name for rule in ALL),
        unjudged=tuple(rule.name for rule in ALL if _unjudged(snapshot, rule)),
    )


def _missing(snapshot: Snapshot, rule: Rule) -> list[str]:
    return [name for name in rule.needs if not getattr(snapshot, name).known]


def _unjudged(snapshot: Snapshot, rule: Rule) -> bool:
    answers = (answer for field in rule.each for answer in getattr(snapshot, field).values())
    return bool(_missing(snapshot, rule)) or not all(answer.known for answer in answers)


def _not_read(snapshot: Snapshot) -> Iterator[Issue]:
    """One issue for each error, with what was not read and the rules that need it."""
    unread: dict[str, dict[str, None]] = defaultdict(dict)
    rules: dict[str, dict[str, None]] = defaultdict(dict)
    for rule in ALL:
        for name in _missing(snapshot, rule):
            error = getattr(snapshot, name).error
            unread[error][name] = None
            rules[error][rule.name] = None
    for error, names in unread.items():
        finding = unknown(
            ", ".join(names),
            f"could not be read: {error}",
            "an answer",
            f"not judged: {', '.join(rules[error])}",
        )
        yield replace(finding, rule=READING)


def _silent_nodes(snapshot: Snapshot) -> Iterator[Issue]:
    """One issue for each error of each node, with what is unknown because of it."""
    unread: dict[tuple[str, str], list[str]] = defaultdict(list)
    for field, what in PER_NODE.items():
        for node, answer in getattr(snapshot, field).items():
            if not answer.known:
                unread[node, answer.error].append(what)
    for (node, error), whats in unread.items():
        finding = unknown(
            f"node {node}",
            f"gave no answer on {'; '.join(whats)}: {error}",
            "an answer",
            "look at the node",
        )
        yield replace(finding, rule=READING)
