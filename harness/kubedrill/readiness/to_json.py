"""The outcome as JSON; docs/reference/readiness.schema.json describes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from kubedrill.readiness.model import Severity

if TYPE_CHECKING:
    from kubedrill.readiness.model import Issue, Readiness

SCHEMA = 1
"""Raised when a field changes its meaning."""


def to_json(readiness: Readiness) -> str:
    """Write the outcome, findings in the order in which they are shown."""
    counts = {severity.value: len(readiness.of(severity)) for severity in Severity}
    whole = {
        "schema": SCHEMA,
        "cluster": readiness.cluster,
        "inventory": readiness.inventory,
        "target": readiness.target,
        "taken": readiness.taken.isoformat(timespec="seconds"),
        "verdict": readiness.verdict,
        "exit_code": readiness.exit_code,
        "counts": counts,
        "findings": [_finding(issue) for issue in readiness.findings],
        "rules": [
            {
                "name": name,
                "judged": name not in readiness.unjudged,
                "findings": sum(finding.rule == name for finding in readiness.findings),
            }
            for name in readiness.rules
        ],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _finding(issue: Issue) -> dict[str, str]:
    """The document's name of ``actual`` is "found"."""
    return {"found" if name == "actual" else name: value for name, value in asdict(issue).items()}
