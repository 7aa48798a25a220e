"""What a dry run tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kubedrill.base.model import Budget
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.runner.dry_run import Plan, Rehearsal


def show_rehearsal(found: Rehearsal, cluster: Inventory) -> None:
    """Print the cluster's state and each drill's plan; nothing was touched."""
    click.echo(
        f"{cluster.name} ({cluster.path}), Kubernetes {found.kubernetes}, seed {found.seed}; nothing is touched"
    )
    click.echo(f"    the application: {found.app}")
    for problem in found.problems:
        click.echo(f"    a run would be ABORTED: {problem}")
    if found.planned_app:
        click.echo(
            f"    the app is not deployed; its pods are taken to be spread over {', '.join(found.planned_app)}"
        )
    for plan in found.plans:
        click.echo("\n".join(["", *lines(plan)]))


def lines(plan: Plan) -> list[str]:
    """Return one drill's plan, line by line."""
    head = [f"{plan.drill.name}: {plan.drill.title}"]
    if plan.unavailable:
        return [*head, f"    not available: {plan.unavailable}"]
    told = [("first", text) for text in plan.first]
    told += [("targets", ", ".join(plan.targets))] if plan.targets else []
    told += [("budget", _budget(budget)) for budget in plan.budgets]
    told += [(f"step {number}", text) for number, text in enumerate(plan.steps, 1)]
    return [*head, *(f"    {name:<8} {text}" for name, text in told)]


def _budget(budget: Budget) -> str:
    failed = "" if budget.max_failed is None else f", {budget.max_failed} failed requests"
    why = f": {budget.because[0]}" if budget.because else ""
    return f"{budget.probes} out for {budget.limit_s:g} s at most{failed}; predicted {budget.predicted_s:.2f} s{why}"
