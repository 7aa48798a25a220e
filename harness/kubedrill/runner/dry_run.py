"""A dry run: what a run would do, from the live cluster, with nothing touched.

Drills know that it is a dry run and tell what they would change. Beneath them is a net: the API
client refuses every request but reading ones, power is not switched, and commands that change a
node (``hosts.change``) are not sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException, V1ObjectMeta, V1Pod, V1PodSpec, V1PodStatus

from kubedrill.apps import read_app
from kubedrill.base.errors import KubedrillError, WouldTouch
from kubedrill.cluster.connections import connected
from kubedrill.cluster.context import Cluster
from kubedrill.cluster.read_only import ReadOnlyApi, ReadOnlyHosts, ReadOnlyPower
from kubedrill.cluster.timers import LiveTimers
from kubedrill.core.context import DrillContext
from kubedrill.runner.baselines import judged_limits, read_baselines
from kubedrill.runner.guards import find_unfit
from kubedrill.runner.lease import held_by
from kubedrill.runner.seeds import drill_rng

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kubedrill.apps import Application
    from kubedrill.base.model import OutageLimit
    from kubedrill.base.plan import Baseline
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings
    from kubedrill.core.drill import Drill


@dataclass(frozen=True)
class DrillPlan:
    """What one drill would do.

    ``unavailable`` says why it would not be run; ``first`` what its preparation changes.
    """

    drill: Drill
    unavailable: str | None = None
    targets: tuple[str, ...] = ()
    limits: tuple[OutageLimit, ...] = ()
    first: tuple[str, ...] = ()

    @property
    def steps(self) -> list[str]:
        """The drill's steps."""
        return list(self.drill.steps)


@dataclass
class DryRun:
    """A dry run. With ``problems`` the run would be ABORTED and nothing touched."""

    seed: int
    kubernetes: str
    app: str = ""  # which application it is, in words
    problems: list[str] = field(default_factory=list)
    planned_app: tuple[str, ...] = ()  # where its pods would be, as it is not deployed
    plans: list[DrillPlan] = field(default_factory=list)


def plan_run(
    drills: Sequence[Drill],
    inventory: Inventory,
    settings: Settings,
    *,
    seed: int,
) -> DryRun:
    """Look at the cluster and say what the drills would do.

    Raises:
        StepFailed: the cluster cannot be reached at all.
        UsageError: the user's own application cannot be rendered or does not fit ``app:``, or the
            history that limits come from cannot be read.
    """
    source = read_app(settings)
    baselines, _ = read_baselines(drills, inventory, settings)
    with (
        connected(ReadOnlyHosts(inventory, settings)) as hosts,
        PlanningApi.connect(inventory, hosts, settings) as api,
    ):
        notes: list[str] = []
        power = ReadOnlyPower(inventory, settings)

        def note(subject: str, text: str) -> None:
            notes.append(f"{subject}: {text}")

        cluster = Cluster(inventory, settings, api, hosts, power, note)
        app = source.on(api)
        result = DryRun(seed, inventory.kubernetes_version, app.description, find_unfit(cluster))
        try:
            result.problems += held_by(api)
            result.kubernetes = api.version.get_code().git_version.removeprefix("v")
            result.problems += app.unfit()
            result.planned_app = api.plan_app(app)
            timers = LiveTimers.read(api, hosts, inventory)
        except (KubedrillError, ApiException) as error:
            result.problems = result.problems or [str(error)]
            return result
        for drill in drills:
            notes.clear()
            ctx = DrillContext(cluster, app, timers, drill_rng(seed, drill.name), dry_run=True)
            result.plans.append(_plan(drill, ctx, notes, baselines, result.kubernetes))
        return result


def _plan(
    drill: Drill,
    ctx: DrillContext,
    notes: list[str],
    baselines: Sequence[Baseline],
    kubernetes: str,
) -> DrillPlan:
    try:
        reason = drill.unavailable(ctx)
        if reason:
            return DrillPlan(drill, reason)
        ctx = replace(ctx, targets=drill.prepare(ctx))
        limits = tuple(judged_limits(drill, ctx, baselines, kubernetes))
        return DrillPlan(drill, None, ctx.targets, limits, tuple(notes))
    except WouldTouch as error:
        return DrillPlan(drill, first=(*notes, f"{error}; its targets are chosen after that"))
    except (KubedrillError, ApiException) as error:
        return DrillPlan(drill, f"it could not be planned: {error}")


class PlanningApi(ReadOnlyApi):
    """The app's pods are planned where it is not deployed."""

    def __init__(
        self, kubeconfig: Path, inventory: Inventory, hosts: Hosts, settings: Settings
    ) -> None:
        super().__init__(kubeconfig, inventory, hosts, settings)
        self._planned: list[Any] = []
        self._planned_in = ""

    def plan_app(self, app: Application) -> tuple[str, ...]:
        """Plan the app's pods on the workers that take pods, as its spread constraint will.

        () where it is deployed.
        """
        if app.status() is not None:
            return ()
        taking = {
            node.metadata.name
            for node in self.nodes()
            if self.ready(node) and not node.spec.unschedulable
        }
        nodes = [node.name for node in self.inventory.workers if node.name in taking]
        self._planned = [_pod(app, number, node) for number, node in enumerate(nodes, 1)]
        self._planned_in = app.namespace
        return tuple(nodes)

    def pods(self, namespace: str = "", selector: str = "", node: str = "") -> list[Any]:
        """V1Pod objects; those of the app are planned ones where it is not deployed."""
        if self._planned and namespace == self._planned_in:
            return [pod for pod in self._planned if node in ("", pod.spec.node_name)]
        return super().pods(namespace, selector, node)


def _pod(app: Application, number: int, node: str) -> V1Pod:
    labels = dict(part.split("=", 1) for part in app.selector.split(",") if "=" in part)
    meta = V1ObjectMeta(name=f"{app.name}-{number}", namespace=app.namespace, labels=labels)
    return V1Pod(
        metadata=meta,
        spec=V1PodSpec(containers=[], node_name=node),
        status=V1PodStatus(phase="Running"),
    )
