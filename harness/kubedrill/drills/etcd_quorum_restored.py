"""etcd's quorum is lost for good, and every member is restored from a snapshot.

By hand: ``etcdctl snapshot save``, ``etcdutl snapshot status``, ``etcdctl endpoint status --cluster
-w table``, ``kubectl get --raw /readyz?verbose``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, pause, wait_for
from kubedrill.cluster.etcd import read_list
from kubedrill.config.limits import Limits
from kubedrill.core.etcd_leadership import wait_whole
from kubedrill.core.ledger import Ledger
from kubedrill.core.limits import PATIENT_S
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import START_S
from kubedrill.drills.etcd_quorum_lost import QuorumDrill, api_away, planes
from kubedrill.faults import QuorumGone
from kubedrill.faults.etcd_restore import take_snapshot

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected

HOLD_S = 10.0
"""Seconds until it is decided that the members do not come back."""

RESTORE_S = 15.0
"""Seconds to stop what is left, to copy the snapshot and to restore it: a kubeadm cluster's has
some tens of MB."""

ENTRIES = 20


class EtcdQuorumRestored(QuorumDrill):
    """Restore etcd from a snapshot."""

    def fault(self, members: tuple[str, ...], planes: tuple[str, ...]) -> QuorumGone:
        """Take the data of the members for good."""
        return QuorumGone(members, planes)

    def expected(self, ctx: DrillContext) -> Expected:
        """The API is out until the restored etcd has a leader and an API server is ready."""
        return api_away(
            ctx,
            HOLD_S + RESTORE_S + START_S,
            f"etcd is gone for {HOLD_S:g} s, then one after the other:",
            f"{RESTORE_S:g} s to restore the snapshot on every member, {START_S:g} s for static "
            "pods to start",
        )

    def run(self, ctx: DrillContext) -> None:
        """Save, lose, restore, look."""
        names, ledger = planes(ctx), Ledger(ctx.cluster.api)
        source = next(name for name in names if name not in ctx.targets)
        ctx.undos.add("the ledger", ledger.close)
        ledger.open()
        _write(ledger)
        before = set(ledger.acknowledged)
        with ctx.step(source, "save a snapshot of etcd and bring it here"):
            asked = time.monotonic()
            snapshot = take_snapshot(ctx.cluster, source)
            members = read_list(ctx.cluster.hosts, source)
        ctx.cluster.note(
            source, f"snapshot of {snapshot.keys} keys at revision {snapshot.revision}"
        )
        _write(ledger)
        fault = self.fault(ctx.targets, names)
        with ctx.fault(fault):
            lost_at = time.monotonic()
            with ctx.step("etcd", f"no quorum: for {HOLD_S:g} s"):
                pause(HOLD_S)
            with ctx.step("etcd", "restore the snapshot on every member"):
                fault.restore(ctx.cluster, snapshot, members)
            _until_it_serves(ctx, ledger)
            served = time.monotonic()
            fault.restored = True
        with ctx.step("etcd", "restored: until every probe is answered"):
            seconds = ctx.cluster.settings.timeouts.api_up
            ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="api_up")
        _report(ctx, ledger, before, lost_at - asked, served - lost_at)


def _write(ledger: Ledger) -> None:
    """Write entries.

    Raises:
        StepFailed: none was acknowledged: there would be nothing to tell the recovery point by.
    """
    answers = [ledger.write() for _ in range(ENTRIES)]
    if not any(answers):
        raise StepFailed(f"the API acknowledged none of {ENTRIES} writes; is it healthy?")


def _until_it_serves(ctx: DrillContext, ledger: Ledger) -> None:
    timeouts = ctx.cluster.settings.timeouts
    with ctx.step("etcd", "restored: until every member is healthy"):
        wait_whole(ctx.cluster.api)

    def written() -> bool | Waiting:
        return True if ledger.write() else Waiting("the API acknowledges no write")

    with ctx.step("etcd", "restored: until the API takes a write"):
        wait_for("the API to take a write", written, seconds=timeouts.api_up, setting="api_up")


def _report(
    ctx: DrillContext, ledger: Ledger, before: set[int], age_s: float, took_s: float
) -> None:
    """Recovery point and recovery time, and that the snapshot is what was restored."""
    lost = set(ledger.lost())
    gone = sorted(before & lost)
    actual = f"{len(before) - len(gone)} of {len(before)} are there"
    ctx.check(
        "writes-before-snapshot-present",
        "what was written before the snapshot is there",
        not gone,
        actual,
        "all of them",
    )
    later = lost - before
    point = (
        f"{age_s:.1f} s: {len(later)} acknowledged writes, all younger than the snapshot, are lost"
    )
    ctx.check(
        "recovery-point",
        "recovery point",
        bool(later),
        point,
        f"what was written after the snapshot is lost ({ENTRIES} writes)",
    )
    time_s = f"{took_s:.0f} s from the loss to the first acknowledged write"
    ctx.check(
        "recovery-time",
        "recovery time",
        ok=True,
        actual=time_s,
        expected="timeouts.etcd_healthy + timeouts.api_up at most",
    )


DRILLS = (
    EtcdQuorumRestored(
        name="etcd-quorum-restored",
        restores_etcd=True,
        title="etcd loses its quorum for good and is restored from a snapshot",
        proves=(
            "a snapshot brings the cluster back, with all that was written before it; how "
            "long that takes, what it costs"
        ),
        duration_s=180,
        order=2,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=300),
        evidence=QuorumGone.evidence,
        limits_because="quorum is away, then the snapshot is restored, then all starts",
        steps=(
            (
                "Choose a bare majority of the etcd members by the seed. Write a ledger, save a "
                "snapshot on another member and bring it to the harness, as a backup is kept "
                "outside "
                "of the cluster; write some more."
            ),
            (
                "Arm the undo on every member, then stop the kubelet, the API server and etcd of "
                "the "
                "chosen ones and move their data aside: they are gone. Leave it so for a while: "
                "the "
                "API takes no write, and what runs goes on."
            ),
            (
                "Stop what is left, restore the snapshot on every member (``etcdutl snapshot "
                "restore``), start all kubelets."
            ),
            (
                "Wait until etcd is whole and the API takes a write: the recovery time. What was "
                "written before the snapshot has to be there; what was written after it is lost, "
                "and "
                "is reported as the recovery point."
            ),
        ),
    ),
)
