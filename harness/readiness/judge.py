"""Applies every rule to a snapshot. Pure: no cluster, no clock. What could not be read is a finding, never a pass."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.readiness.model import Finding, Readiness, Severity
from harness.readiness.rules import ALL, PER_NODE
from harness.readiness.rules.say import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.readiness.model import Snapshot

_ORDER = list(Severity)


def judge(snapshot: Snapshot) -> Readiness:
    """Return all findings, blockers first."""
    findings = [*_not_asked(snapshot), *_silent_nodes(snapshot)]
    for rule in ALL:
        if not _missing(snapshot, rule.needs):
            findings += [replace(finding, rule=rule.name) for finding in rule.judge(snapshot)]
    findings.sort(key=lambda finding: _ORDER.index(finding.severity))
    return Readiness(
        cluster=snapshot.cluster,
        inventory=snapshot.inventory,
        target=str(snapshot.target),
        taken=snapshot.taken,
        findings=tuple(dict.fromkeys(findings)),
        rules=tuple(rule.name for rule in ALL),
    )


def _missing(snapshot: Snapshot, needs: tuple[str, ...]) -> list[str]:
    return [name for name in needs if not getattr(snapshot, name).known]


def _not_asked(snapshot: Snapshot) -> Iterator[Finding]:
    """One finding for each answer that is missing, with the rules that could not judge for want of it."""
    rules: dict[str, list[str]] = defaultdict(list)
    for rule in ALL:
        for name in _missing(snapshot, rule.needs):
            rules[name].append(rule.name)
    for name, concerned in rules.items():
        found = f"could not be read: {getattr(snapshot, name).error}"
        said = unknown(name, found, "an answer", f"not judged: {', '.join(concerned)}")
        yield replace(said, rule="reading")


def _silent_nodes(snapshot: Snapshot) -> Iterator[Finding]:
    for field, what in PER_NODE.items():
        for node, answer in getattr(snapshot, field).items():
            if not answer.known:
                said = unknown(f"node {node}", f"did not tell {what}: {answer.error}", "an answer", "look at the node")
                yield replace(said, rule="reading")
