"""An upgrade that is ended half-way is taken back.

Etcd from the snapshot that it began with, then the older release.

It leaves the cluster at the older release, as it was found, so it can be repeated. When it is
interrupted after the rollback has begun, the rollback is run again: the same command finishes it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from kubedrill.base.model import Leaves
from kubedrill.cluster.playbooks import KillPlaybook
from kubedrill.config.limits import Limits
from kubedrill.core.ansible_lane import run_playbook_step
from kubedrill.core.choices import pick
from kubedrill.core.drill import Drill, Family
from kubedrill.core.ledger import Ledger, Writing
from kubedrill.core.limits import NODE_LOSS_S, PATIENT_S
from kubedrill.core.predictions import START_S, Expected, Prediction, balancer, election
from kubedrill.core.upgrades import (
    check_upgraded,
    choose_release,
    explain_missing_bundle,
    format_version,
    live_versions,
    node_versions,
    run_upgrade,
    uncordon_all,
)
from kubedrill.drills.rollback_report import Moments, report_recovery
from kubedrill.drills.upgrade_interrupted import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.core.context import DrillContext

PLAYBOOK = "rollback.yml"
TURN_S = 3.0
"""Seconds of one step of the rollback on one node: a module over SSH, the API server's shutdown
delay (3 s)."""

STEPS = 3
"""Steps that the API is away for, each of which ends on every node before the next begins: stop,
replace, start."""

RUNNING = '"/proc/$(systemctl show -p MainPID --value kubelet)/exe" --version'


class UpgradeRolledBack(Drill):
    """Roll a half-done upgrade back."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs control planes at both releases half-way, and bundles of both."""
        planes = len(ctx.cluster.inventory.control_planes)
        if planes < 3:
            return f"needs 3 control planes or more, the inventory has {planes}"
        live = sorted(set(live_versions(ctx.cluster)))
        if len(live) > 1:
            return (
                f"the cluster runs {' and '.join(map(format_version, live))}: finish that "
                "upgrade, or roll "
                "it back, first"
            )
        return explain_missing_bundle(ctx) or _explain_missing_older_bundle(
            ctx, format_version(live[0])
        )

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose at whose turn the upgrade ends.

        Control planes are upgraded in the inventory's order.
        """
        later = [node.name for node in ctx.cluster.inventory.control_planes[1:]]
        return (pick(ctx.rng, later, "control plane at whose turn the upgrade ends"),)

    def expected(self, ctx: DrillContext) -> Expected:
        """The API is away for the rollback.

        DNS for the pods that the upgrade's drains had moved.
        """
        planes = [node.name for node in ctx.cluster.inventory.control_planes]
        drained = planes[: planes.index(ctx.target)]
        pods = ctx.cluster.api.pods
        dns = sum(len(pods("kube-system", "k8s-app=kube-dns", name)) for name in drained)
        back = (
            f"{dns} CoreDNS pod(s) that the drains moved are ended, and started where they were: "
            f"{START_S:g} s"
        )
        moved = Prediction(
            START_S, (back, "until then a share of lookups, or all of them, goes to no pod")
        )
        return Expected(
            api=(_api_away(ctx, ctx.target),),
            dns=(moved,) if dns else (),
            app_why=(
                "its pods are on workers, which the upgrade has not come to; Services are rules "
                "in the kernel"
            ),
            dns_why="no CoreDNS pod is on a control plane that is drained",
        )

    def run(self, ctx: DrillContext) -> None:
        """Upgrade half-way, roll back, look."""
        newer, older = choose_release(ctx.cluster), format_version(min(live_versions(ctx.cluster)))
        moments, ledger = Moments(), Ledger(ctx.cluster.api)
        ctx.undos.add("cordons of the upgrade", lambda: uncordon_all(ctx.cluster))
        ctx.undos.add("the ledger", ledger.close)
        ledger.open()
        again = "the rollback that has begun"
        with Writing(ledger):
            _upgrade_half_way(ctx, newer, moments)
            begun = time.monotonic()
            ctx.undos.add(again, lambda: _roll_back(ctx, older, "again"))
            _roll_back(ctx, older, "to the snapshot", moments.take)
            ctx.undos.drop(again)
            healthy_s = time.monotonic() - begun
            check_upgraded(ctx, older, "older")
        _check_programs(ctx, older)
        report_recovery(ctx, ledger, moments, begun, healthy_s)


def _upgrade_half_way(ctx: DrillContext, newer: str, moments: Moments) -> None:
    """Run the upgrade until the target's turn, and check that it left a mix."""

    def watch(event: TaskEvent) -> None:
        moments.take(event)
        if event.kind == "start" and event.host == ctx.target and event.task.endswith(MARK):
            ctx.event("step", ctx.target, "kill -9 as its turn begins")
            raise KillPlaybook

    ended = False
    try:
        run_upgrade(ctx, newer, f"upgrade to {newer}, until {ctx.target}'s turn", watch)
    except KillPlaybook:
        ended = True
    versions = node_versions(ctx.cluster)
    upgraded = [name for name, version in versions.items() if format_version(version) == newer]
    actual = (
        f"{', '.join(upgraded) or 'no node'} at {newer}, {len(versions) - len(upgraded)} of "
        f"{len(versions)} nodes not"
    )
    ok = ended and 0 < len(upgraded) < len(versions)
    ctx.witness("cluster", actual, seen=bool(upgraded))
    ctx.check(
        "upgrade-half-way",
        "the upgrade ended half-way",
        ok,
        actual,
        f"some nodes at {newer} and some not",
    )


def _roll_back(
    ctx: DrillContext, older: str, how: str, on_event: Callable[[TaskEvent], None] | None = None
) -> None:
    """Run playbooks/rollback.yml. Raises StepFailed and DeadlineExceeded."""
    variables = {"rollback_to": older.removeprefix("v"), "rollback_confirm": True}
    run_playbook_step(ctx, PLAYBOOK, variables, f"roll back to {older}, {how}", on_event)


def _check_programs(ctx: DrillContext, older: str) -> None:
    """Ask each node, not the API: what that says of a node may be as old as the snapshot."""
    hosts = ctx.cluster.hosts
    versions = {
        n.name: hosts.read(n.name, RUNNING).stdout.strip().rpartition(" ")[2]
        for n in ctx.cluster.inventory.nodes
    }
    wrong = [
        f"{name} {version or 'nothing'}" for name, version in versions.items() if version != older
    ]
    ctx.check(
        "kubelet-processes-older",
        "the kubelets' processes are the older release's",
        not wrong,
        ", ".join(wrong) or f"all {older}",
        older,
    )


def _api_away(ctx: DrillContext, node: str) -> Prediction:
    """From the stop of the first API server until the restored etcd leads and one is ready."""
    nodes, forks = len(ctx.cluster.inventory.nodes), ctx.cluster.settings.upgrade_forks
    turns = math.ceil(nodes / forks)
    steps = STEPS * turns * TURN_S
    parts = (election(ctx.timers, node), balancer(ctx.timers, node))
    because = (
        (
            f"{STEPS} steps (stop, replace, start) x {turns} turns ({nodes} nodes, upgrade_forks "
            f"{forks}) x {TURN_S:g} s"
        ),
        f"{START_S:g} s for static pods to start, then one after the other:",
        *parts[0].because,
        *parts[1].because,
    )
    return Prediction(steps + START_S + sum(part.seconds for part in parts), because)


def _explain_missing_older_bundle(ctx: DrillContext, version: str) -> str | None:
    """Say that the bundle of the release that runs is missing; None when it is there."""
    source = ctx.cluster.inventory.bundles
    if source and list(source.glob(f"{version}-*/bundle.json")):
        return None
    build = f"kubedrill bundle build --kubernetes {version[1:]}"
    return f"no bundle of {version}, to which the nodes go back, is here: {build}"


DRILLS = (
    UpgradeRolledBack(
        name="upgrade-rolled-back",
        title="Upgrade ended half-way and rolled back",
        proves=(
            "the snapshot that an upgrade begins with brings the older release back; what is "
            "lost, how long it takes"
        ),
        needs=("3 control planes or more, a newer bundle and that of the release that runs"),
        duration_s=420,
        family=Family.UPGRADES,
        order=1,
        leaves=Leaves.ROLLED_BACK,
        restores_etcd=True,
        evidence="some nodes run the newer release before it is rolled back",
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=300, dns_outage_s=NODE_LOSS_S),
        limits_because=(
            "the API is away while etcd is restored; pods that drains had moved start where "
            "they were"
        ),
        steps=(
            (
                "Choose by the seed the control plane at whose turn the upgrade ends: those "
                "before it "
                "are upgraded by then."
            ),
            (
                "Write a ledger all the time. Run playbooks/upgrade.yml, which saves etcd first; "
                "kill "
                "it when that turn begins."
            ),
            (
                "Run playbooks/rollback.yml. The API is away from the stop of the first API "
                "server to "
                "the start of the older ones."
            ),
            (
                "Look: every kubelet and API server runs the older release; what was acknowledged "
                "before the snapshot is there, what was acknowledged after it is lost (the "
                "recovery "
                "point), how long the API and all of it took (the recovery time)."
            ),
        ),
    ),
)
