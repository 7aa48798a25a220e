"""The outcome as JSON; docs/reference/readiness.schema.json describes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from kubedrill.readiness.model import Severity

if TYPE_CHECKING:
    from kubedrill.readiness.model import Readiness

SCHEMA = 1
"""Raised when a field changes its meaning."""


def to_json(found: Readiness) -> str:
    """Write the outcome, findings in the order in which they are shown."""
    counts = {severity.value: len(found.of(severity)) for severity in Severity}
    whole = {
        "schema": SCHEMA,
        "cluster": found.cluster,
        "inventory": found.inventory,
        "target": found.target,
        "taken": found.taken.isoformat(timespec="seconds"),
        "verdict": found.verdict,
        "exit_code": found.exit_code,
        "counts": counts,
        "findings": [asdict(finding) for finding in found.findings],
        "rules": [
            {
                "name": name,
                "judged": name not in found.unjudged,
                "findings": sum(finding.rule == name for finding in found.findings),
            }
            for name in found.rules
        ],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)
