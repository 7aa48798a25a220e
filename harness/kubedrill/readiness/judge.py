"""Applies every rule to a snapshot. Pure: no cluster, no clock.

What could not be read is an issue, never a pass.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kubedrill.readiness.model import Issue, Severity
from kubedrill.readiness.rules import ALL, PER_NODE, Rule
from kubedrill.readiness.rules.common import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kubedrill.readiness.model import Snapshot

_ORDER = list(Severity)
READING = "reading"
"""Stands in place of a rule's name where something could not be read."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The outcome: all issues, every rule, and the rules that lacked data."""

    cluster: str
    inventory: str
    target: str
    taken: datetime
    findings: tuple[Issue, ...]
    rules: tuple[str, ...]
    unjudged: tuple[str, ...]  # rules for which something was missing, wholly or of some nodes

    def of(self, severity: Severity) -> tuple[Issue, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    @property
    def clean(self) -> tuple[str, ...]:
        """The rules that saw everything and have nothing to say, or only what is worth knowing."""
        busy = {finding.rule for finding in self.findings if finding.severity is not Severity.INFO}
        return tuple(name for name in self.rules if name not in busy and name not in self.unjudged)

    @property
    def exit_code(self) -> int:
        """1 with a blocker, else 3 when something that matters could not be found out, else 0."""
        if self.of(Severity.BLOCKER):
            return 1
        return 3 if self.of(Severity.UNKNOWN) else 0

    @property
    def verdict(self) -> str:
        """The exit code as a word: "ready", "blocked" or "unknown"."""
        return {0: "ready", 1: "blocked", 3: "unknown"}[self.exit_code]


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
        unjudged=tuple(
            rule.name
            for rule in ALL
            if _missing(snapshot, rule)
            or any(
                not answer.known
                for field in rule.each
                for answer in getattr(snapshot, field).values()
            )
        ),
    )


def _missing(snapshot: Snapshot, rule: Rule) -> list[str]:
    return [name for name in rule.needs if not getattr(snapshot, name).known]


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
