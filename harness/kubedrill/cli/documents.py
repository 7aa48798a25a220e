"""What `-o json` prints, where no other package has a document for it.

``drill`` prints verdict.json, ``readiness`` and ``history`` their own documents. The schemas stand
beside the generated reference; ``python docs/generate`` writes them from these models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kubedrill.base.json_document import JsonDocument, JsonPart
from kubedrill.readiness.to_json import ReadinessDocument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from kubedrill.cluster.inventory import Inventory
    from kubedrill.core.drill import Drill
    from kubedrill.local.doctor import HostCheck
    from kubedrill.runner.dry_run import DryRun


class ListedDrill(JsonPart):
    """One drill of the list."""

    name: str
    title: str
    proves: str
    needs: str
    duration_s: int = Field(description="seconds, about, on a small cluster")
    family: str
    leaves: str = Field(description="the cluster that it leaves behind")
    standard: bool = Field(description="runs when no drill is named")
    evidence: str = Field(
        description="what shows that it took hold; without it nothing was tested: INCONCLUSIVE"
    )
    steps: tuple[str, ...]


class DrillList(JsonDocument):
    """kubedrill list -o json."""

    drills: tuple[ListedDrill, ...]


class Check(JsonPart):
    """One thing that this host needs."""

    name: str
    state: Literal["ok", "warn", "missing"]
    actual: str
    expected: str
    fix: str = Field(description="the command or the sentence that mends it; empty when ok")


class Doctor(JsonDocument):
    """kubedrill doctor -o json."""

    ready: bool = Field(description="nothing is missing")
    checks: tuple[Check, ...]


class PlannedLimit(JsonPart):
    """The outage that a group of probes may have."""

    probes: str = Field(description="glob over probe names; the first that matches counts")
    limit_s: float = Field(description="the objective")
    baseline_s: float | None = Field(description="from nights before; null: the objective holds")
    limit_because: str = Field(description="how the baseline was found, or why there is none")
    max_failed: int | None = Field(description="failed requests at most; null: not bounded")
    predicted_s: float
    because: tuple[str, ...]


class PlannedDrill(JsonPart):
    """What one drill would do."""

    name: str
    title: str
    unavailable: str | None = Field(description="why it would not be run, null when it would")
    targets: tuple[str, ...]
    first: tuple[str, ...] = Field(description="what its preparation would change")
    outage_limits: tuple[PlannedLimit, ...]
    steps: tuple[str, ...]


class Plan(JsonDocument):
    """kubedrill drill --dry-run -o json."""

    cluster: str
    inventory: str
    kubernetes: str
    seed: int
    app: str = Field(description="the application that would be drilled")
    problems: tuple[str, ...] = Field(description="why a run would be ABORTED; empty: it would not")
    planned_app: tuple[str, ...] = Field(
        description="nodes that the app's pods are taken to be on, as it is not deployed"
    )
    drills: tuple[PlannedDrill, ...]


SCHEMAS: dict[str, type[BaseModel]] = {
    "list": DrillList,
    "doctor": Doctor,
    "dry-run": Plan,
    "readiness": ReadinessDocument,
}
"""The documents of `-o json`, by the names of their schema files."""


def drill_list(drills: Iterable[Drill]) -> DrillList:
    """Describe drills."""
    return DrillList(
        drills=tuple(
            ListedDrill(
                name=drill.name,
                title=drill.title,
                proves=drill.proves,
                needs=drill.needs,
                duration_s=drill.duration_s,
                family=drill.family.name.lower(),
                leaves=drill.leaves.value,
                standard=drill.standard,
                evidence=drill.evidence,
                steps=drill.steps,
            )
            for drill in drills
        )
    )


def doctor_document(checks: Iterable[HostCheck]) -> Doctor:
    """Describe what this host has and what is missing."""
    results = tuple(Check.model_validate(check) for check in checks)
    return Doctor(ready=all(check.state != "missing" for check in results), checks=results)


def plan_document(dry_run: DryRun, cluster: Inventory) -> Plan:
    """Describe a dry run."""
    return Plan(
        cluster=cluster.name,
        inventory=str(cluster.path),
        kubernetes=dry_run.kubernetes,
        seed=dry_run.seed,
        app=dry_run.app,
        problems=tuple(dry_run.problems),
        planned_app=dry_run.planned_app,
        drills=tuple(
            PlannedDrill(
                name=plan.drill.name,
                title=plan.drill.title,
                unavailable=plan.unavailable,
                targets=plan.targets,
                first=plan.first,
                outage_limits=tuple(PlannedLimit.model_validate(limit) for limit in plan.limits),
                steps=tuple(plan.steps),
            )
            for plan in dry_run.plans
        ),
    )
