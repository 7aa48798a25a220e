"""A dry run, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.runner.dry_run import DrillPlan, DryRun


def print_dry_run(dry_run: DryRun, cluster: Inventory) -> None:
    """Print the cluster's state and each drill's plan; nothing was touched."""
    click.echo(
        f"{cluster.name} ({cluster.path}), Kubernetes {dry_run.kubernetes}, seed {dry_run.seed}; "
        "nothing is touched"
    )
    click.echo(f"    the application: {dry_run.app}")
    for problem in dry_run.problems:
        click.echo(f"    a run would be ABORTED: {problem}")
    if dry_run.planned_app:
        click.echo(
            "    the app is not deployed; its pods are taken to be spread over "
            + ", ".join(dry_run.planned_app)
        )
    for plan in dry_run.plans:
        click.echo("\n".join(["", *plan_lines(plan)]))


def plan_lines(plan: DrillPlan) -> list[str]:
    """Return one drill's plan, line by line."""
    head = [f"{plan.drill.name}: {plan.drill.title}"]
    if plan.unavailable:
        return [*head, f"    not available: {plan.unavailable}"]
    rows = [("first", text) for text in plan.first]
    rows += [("targets", ", ".join(plan.targets))] if plan.targets else []
    rows += [("limit", _limit(limit)) for limit in plan.limits]
    rows += [(f"step {number}", text) for number, text in enumerate(plan.steps, 1)]
    return [*head, *(f"    {name:<8} {text}" for name, text in rows)]


def _limit(limit: OutageLimit) -> str:
    failed = "" if limit.max_failed is None else f", {limit.max_failed} failed requests allowed"
    why = f": {limit.because[0]}" if limit.because else ""
    return (
        f"{limit.probes} out for {limit.limit_s:g} s at most{failed}; "
        f"predicted {limit.predicted_s:.2f} s{why}"
    )
