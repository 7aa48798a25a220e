"""Upgrades that something happens to half-way, and that the same command finishes.

A table of :class:`Interrupted`.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Leaves
from kubedrill.cluster.playbooks import KillPlaybook
from kubedrill.config.limits import Limits
from kubedrill.core.choices import explain_missing_worker, pick
from kubedrill.core.drill import Drill, Family
from kubedrill.core.expectations import lost
from kubedrill.core.limits import NODE_LOSS_S, PATIENT_S, PLANE_LOSS_S
from kubedrill.core.node_loss import wait_ready
from kubedrill.core.predictions import only_plane_swapped, planned_work
from kubedrill.core.programs import read_programs, record_programs
from kubedrill.core.upgrades import (
    UPGRADED,
    check_upgraded,
    choose_release,
    explain_missing_bundle,
    run_upgrade,
    running_versions,
    uncordon_all,
    witness_upgrade,
)
from kubedrill.drills import drain_blocked
from kubedrill.faults import PowerCut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


STEPS = (
    "Choose by the seed the node at which it happens.",
    "Run playbooks/upgrade.yml until the moment: a task on that node, found in Ansible's events.",
    (
        "Then kill the playbook, or cut the power of a node and let the playbook find out, or "
        "let a budget block the drain."
    ),
    "Put back what was broken; the node has to be Ready again.",
    (
        "Run the same playbook again: it has to finish the upgrade. Check that every node "
        "runs the new version."
    ),
)


SWAP = "Replace the control plane's static pods and kubelet"
RESTART = "Restart services that run the old version"
MARK = "Annotate the node as being upgraded"
"""Names of tasks of roles/upgrade; a test compares them with the role."""
_DRAIN_S = 75
"""Seconds until the role gives a blocked drain up: pods that may move take 30 s of grace, some in
turn."""


@dataclass(frozen=True, kw_only=True)
class Interrupted(Drill):
    """An interrupted upgrade.

    ``among`` are the nodes that it may happen at, ``first`` runs the upgrade until it stops.
    """

    among: Callable[[DrillContext], list[str]]
    first: Callable[[DrillContext, str], str]
    power: bool = False
    family: Family = Family.UPGRADES
    order: int = 2
    steps: tuple[str, ...] = STEPS
    leaves: Leaves = Leaves.UPGRADED
    evidence: str = UPGRADED

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a newer bundle, and a node that it can happen at."""
        candidates = self.among(ctx)
        if not candidates:
            return f"needs {self.needs}"
        missing = [PowerCut(name).available(ctx.cluster) for name in candidates if self.power]
        return explain_missing_bundle(ctx) or next(filter(None, missing), None)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the node by the seed."""
        return (pick(ctx.rng, self.among(ctx), f"node for {self.name}"),)

    def expected(self, ctx: DrillContext) -> Expected:
        """As for an upgrade; where a control plane is lost, as for that too."""
        node = ctx.cluster.inventory.node(ctx.target)
        if self.power and node.is_control_plane:
            return lost(ctx, node.name)
        return planned_work(
            "each node is drained before it is touched: it has no pods of the app when it happens",
            (
                "each API server is taken out of the balancer before it stops, and stays out "
                "until it is finished"
            ),
            only_plane_swapped(
                ctx.timers, [node.name for node in ctx.cluster.inventory.control_planes]
            ),
        )

    def run(self, ctx: DrillContext) -> None:
        """Upgrade until it stops, put back what was broken, upgrade again."""
        version, before = choose_release(ctx.cluster), running_versions(ctx.cluster)
        programs = read_programs(ctx.cluster)
        ctx.undos.add("cordons of the upgrade", lambda: uncordon_all(ctx.cluster))
        error = self.first(ctx, version)
        ctx.check(
            "upgrade-half-way",
            "the upgrade stopped half-way",
            bool(error),
            error or "it ran to its end",
            "it stops at the moment chosen",
        )
        run_upgrade(ctx, version, f"upgrade to {version}, again")
        check_upgraded(ctx, version)
        record_programs(ctx, programs)
        witness_upgrade(ctx, before)


def killed(ctx: DrillContext, version: str) -> str:
    """Kill the playbook while the target swaps its control plane, or a worker its programs."""
    moment = SWAP if ctx.cluster.inventory.node(ctx.target).is_control_plane else RESTART

    def watch(event: TaskEvent) -> None:
        if event.kind == "start" and event.host == ctx.target and event.task.endswith(moment):
            ctx.event("step", ctx.target, f"kill -9 during: {moment}")
            raise KillPlaybook

    try:
        run_upgrade(ctx, version, f"upgrade to {version}, until it is killed", watch)
    except KillPlaybook:
        return f"killed on {ctx.target} during: {moment}"
    return ""


def power_lost(ctx: DrillContext, version: str) -> str:
    """Cut the target's power.

    A worker's in the middle of its turn, a finished control plane's when the next begins.
    """
    plane = ctx.cluster.inventory.node(ctx.target).is_control_plane
    with _cut_at(ctx, MARK if plane else RESTART, other=plane) as watch:
        error = _failed(
            ctx, version, f"upgrade to {version}, while {ctx.target} loses power", watch
        )
    wait_ready(ctx, ctx.target, "boot: until Ready")
    return error


@contextmanager
def _cut_at(
    ctx: DrillContext, moment: str, *, other: bool
) -> Iterator[Callable[[TaskEvent], None]]:
    """Give a watcher that cuts the power once at the moment.

    The moment is the target's own, or (``other``) that of the node after it.
    """
    finished: list[str] = []
    with ExitStack() as stack:
        cut: list[str] = []

        def watch(event: TaskEvent) -> None:
            if event.kind not in ("start", "changed") or not event.task.endswith(
                ("Remove the annotation", moment)
            ):
                return
            if event.task.endswith("Remove the annotation") and event.kind == "changed":
                finished.append(event.host)
            due = (
                event.host != ctx.target and ctx.target in finished
                if other
                else event.host == ctx.target
            )
            if event.kind == "start" and event.task.endswith(moment) and due and not cut:
                cut.append(ctx.target)
                stack.enter_context(ctx.fault(PowerCut(ctx.target), least_s=0))

        yield watch


def blocked(ctx: DrillContext, version: str) -> str:
    """Plant a pod that may not be disrupted on the target.

    Its drain has to be refused by name, the node uncordoned.
    """
    with drain_blocked.blocking_workload(ctx):
        error = _failed(ctx, version, f"upgrade to {version}, until a budget blocks it")
        drain_blocked.check_refusal(ctx, error)
    return error


def _failed(
    ctx: DrillContext, version: str, title: str, watch: Callable[[TaskEvent], None] | None = None
) -> str:
    """Run the upgrade, which is expected to fail; returns what it said."""
    try:
        run_upgrade(
            ctx,
            version,
            title,
            watch,
            {"upgrade_drain_timeout": _DRAIN_S} if watch is None else None,
        )
    except StepFailed as failure:
        ctx.progress.note(ctx.target, f"stopped as it should: {failure}")
        return str(failure)
    return ""


def any_node(ctx: DrillContext) -> list[str]:
    """Every node."""
    return [node.name for node in ctx.cluster.inventory.nodes]


def workers(ctx: DrillContext) -> list[str]:
    """Workers, where another one is left for the pods."""
    inventory = ctx.cluster.inventory
    return [] if explain_missing_worker(ctx) else [node.name for node in inventory.workers]


def planes_but_the_last(ctx: DrillContext) -> list[str]:
    """Control planes after which another one is upgraded, where a majority is left without one."""
    planes = ctx.cluster.inventory.control_planes
    return [node.name for node in planes[:-1]] if len(planes) >= 3 else []


DRILLS = (
    Interrupted(
        name="upgrade-killed",
        title="Upgrade killed half-way, finished by a rerun",
        proves=(
            "an upgrade whose controller dies is finished by the same command, and users do "
            "not notice"
        ),
        needs="a newer bundle",
        duration_s=480,
        limits=Limits(app_max_failed=0, api_outage_s=PATIENT_S),
        limits_because=(
            "an API server that is left half-way is out of the balancers; kubelets elsewhere go on"
        ),
        among=any_node,
        first=killed,
    ),
    Interrupted(
        name="upgrade-node-lost",
        title="Worker powered off in the middle of its upgrade",
        proves=(
            "an upgrade that loses a drained worker stops there, costs nothing, and is "
            "finished by the same command"
        ),
        needs="a newer bundle, 2 workers or more, power control",
        duration_s=600,
        limits=Limits(app_max_failed=0, dns_outage_s=NODE_LOSS_S),
        limits_because="the worker that is lost was drained before",
        among=workers,
        first=power_lost,
        power=True,
    ),
    Interrupted(
        name="upgrade-plane-lost",
        title="Control plane lost between two nodes of an upgrade",
        proves=(
            "an upgrade that loses a control plane stops before it takes the majority away, "
            "and is finished by a rerun"
        ),
        needs="a newer bundle, 3 control planes or more, power control",
        duration_s=600,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6.0, dns_outage_s=PLANE_LOSS_S),
        limits_because="as the loss of a control plane, while another one may be on its way out",
        among=planes_but_the_last,
        first=power_lost,
        power=True,
    ),
    Interrupted(
        name="upgrade-drain-blocked",
        title="Upgrade that a budget blocks",
        proves=(
            "the budget is named, every node goes on taking pods, and the upgrade is finished "
            "once the budget is gone"
        ),
        needs="a newer bundle, 2 workers or more",
        duration_s=540,
        limits=Limits(app_max_failed=0, api_outage_s=1.0),
        limits_because="as a clean upgrade: a refused drain costs nothing",
        among=workers,
        first=blocked,
    ),
)
