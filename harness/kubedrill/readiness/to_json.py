"""The outcome as JSON; docs/reference/readiness.schema.json is made from these models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from kubedrill.base.json_document import JsonDocument, JsonPart
from kubedrill.readiness.model import Severity

if TYPE_CHECKING:
    from kubedrill.readiness.judge import Readiness

Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=0)]


class Counts(JsonPart):
    """Findings of each severity."""

    blocker: Count
    unknown: Count
    warning: Count
    info: Count


class Finding(JsonPart):
    """One thing that stops or hurts the upgrade, or is worth knowing."""

    rule: Text = Field(description='name of the rule; "reading": something could not be read')
    severity: Literal["blocker", "unknown", "warning", "info"]
    subject: Text = Field(description='what it is about: "node w1", "budget shop/web"')
    actual: Text = Field(alias="found")
    expected: str = Field(description="empty where nothing was expected (info)")
    action: str = Field(description="what to do; of an info: where it comes from, or empty")


class Rule(JsonPart):
    """One rule."""

    name: str
    judged: bool
    findings: Count


class ReadinessDocument(JsonDocument):
    """kubedrill readiness -o json."""

    cluster: str = Field(description="cluster_name of the inventory")
    inventory: str = Field(description="the inventory's path as it was given")
    target: str = Field(pattern=r"^v\d+\.\d+\.\d+$")
    taken: str = Field(description="ISO 8601, UTC: when the cluster was read")
    verdict: Literal["ready", "blocked", "unknown"]
    exit_code: Literal[0, 1, 3] = Field(description="0 ready, 1 blocked, 3 unknown")
    counts: Counts
    findings: tuple[Finding, ...] = Field(description="blockers first, then unknown, warning, info")
    rules: tuple[Rule, ...] = Field(
        description="every rule; judged false: something that it needs could not be read, "
        "wholly or of some nodes"
    )


def to_json(readiness: Readiness) -> str:
    """Write the outcome, findings in the order in which they are printed."""
    counts = {severity.value: len(readiness.of(severity)) for severity in Severity}
    document = ReadinessDocument.model_validate(
        {
            "cluster": readiness.cluster,
            "inventory": readiness.inventory,
            "target": readiness.target,
            "taken": readiness.taken.isoformat(timespec="seconds"),
            "verdict": readiness.verdict,
            "exit_code": readiness.exit_code,
            "counts": counts,
            "findings": [
                {
                    "rule": issue.rule,
                    "severity": issue.severity.value,
                    "subject": issue.subject,
                    "found": issue.actual,
                    "expected": issue.expected,
                    "action": issue.action,
                }
                for issue in readiness.findings
            ],
            "rules": [
                {
                    "name": name,
                    "judged": name not in readiness.unjudged,
                    "findings": sum(finding.rule == name for finding in readiness.findings),
                }
                for name in readiness.rules
            ],
        }
    )
    return document.text()
