"""What a run's outages are judged by besides objectives: this cluster's nights before.

It is read once, before anything is touched, and stands in the run's plan.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubedrill.base.errors import NoHistory
from kubedrill.base.model import Leaves
from kubedrill.base.plan import Baseline
from kubedrill.core.drill import Family
from kubedrill.core.upgrades import choose_release
from kubedrill.history.baselines import find_baselines
from kubedrill.history.nights import minor
from kubedrill.runner.facts import host_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.base.model import OutageLimit
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings
    from kubedrill.core.context import DrillContext
    from kubedrill.core.drill import Drill


def read_baselines(
    drills: Sequence[Drill], inventory: Inventory, settings: Settings
) -> tuple[list[Baseline], str]:
    """The baselines of some drills, and the digest of the nights behind them.

    Nothing where the configuration does not ask for it.

    Raises:
        UsageError, StepFailed: the history cannot be read.
    """
    rules = settings.limits_from_history
    if rules is None:
        return [], ""
    from kubedrill.history.store import History  # noqa: PLC0415 - SQLAlchemy takes 0.3 s

    url, timeout_s = settings.history.database.get_secret_value(), settings.timeouts.database
    try:
        with History.open(url, timeout_s=timeout_s) as history:
            runs = history.runs()
    except NoHistory:
        runs = []
    labels = host_facts(inventory, settings)["labels"]
    same = [drill.name for drill in drills if drill.family is not Family.GAME_DAY]
    baselines, digest = find_baselines(runs, same, labels, rules, datetime.now(UTC))
    others = [drill.name for drill in drills if drill.name not in same]
    why = "its faults are others each time"
    return [*baselines, *(Baseline(drill=name, because=why) for name in others)], digest


def judged_limits(
    drill: Drill, ctx: DrillContext, baselines: Sequence[Baseline], kubernetes: str
) -> list[OutageLimit]:
    """The outage limits of a drill with the baselines of the plan that are about them.

    ``kubernetes`` is the release that the cluster runs.
    """
    limits = drill.outage_limits(ctx)
    if not baselines:
        return limits
    upgraded = choose_release(ctx.cluster) if drill.leaves is Leaves.UPGRADED else kubernetes
    releases = minor(kubernetes), minor(upgraded.removeprefix("v"))
    mine = [each for each in baselines if each.drill == drill.name]
    return [_judged(limit, mine, releases) for limit in limits]


def _judged(
    limit: OutageLimit, baselines: Sequence[Baseline], releases: tuple[str, str]
) -> OutageLimit:
    for each in baselines:
        if not each.kubernetes:
            return replace(limit, limit_because=each.because)
        if each.probes == limit.probes and (each.kubernetes, each.kubernetes_after) == releases:
            is_below = each.limit_s is not None and each.limit_s < limit.limit_s
            return replace(
                limit,
                baseline_s=each.limit_s if is_below else None,
                limit_because=each.because,
            )
    return replace(limit, limit_because=f"no night of it from {releases[0]} to {releases[1]}")
