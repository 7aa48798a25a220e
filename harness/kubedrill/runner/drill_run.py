"""One drill from healthy to healthy, with its record."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded, KubedrillError, StepFailed, Unsafe
from kubedrill.base.model import STEADY, Check, CheckId, Event
from kubedrill.base.waits import Repeating
from kubedrill.cluster.timers import LiveTimers
from kubedrill.core.context import DrillContext
from kubedrill.core.leftovers import Baseline
from kubedrill.core.recovery import health_check, leftovers_check, wait_clean, wait_healthy
from kubedrill.core.undo import Undos
from kubedrill.core.watchers import Watchers
from kubedrill.probes import (
    ProbeSession,
    choose_nodes,
    find_targets,
    standard_probes,
    watch_clients,
)
from kubedrill.runner.baselines import judged_limits
from kubedrill.runner.drill_record import DrillRecord, describe
from kubedrill.runner.guards import FaultGuard, find_unfit
from kubedrill.runner.replay import OtherTargets, choose
from kubedrill.runner.seeds import drill_rng

if TYPE_CHECKING:
    from kubedrill.core.drill import Drill
    from kubedrill.probes import Targets
    from kubedrill.runner.context import RunContext


TELL_S = 1.0
"""Seconds between two times that the terminal is told what the probes see. That ends where the
probes died: the runner, who asks them too, ends the drill."""


def run_drill(run: RunContext, drill: Drill) -> str | None:
    """Run a drill and leave its record behind.

    Where it cannot be done on this cluster, return the reason.

    Errors of the drill end up in the record, not in the caller; an interrupt and a bug of the
    harness are raised after everything was healed and the record was closed.
    """
    record = DrillRecord(run, drill)
    with record.ending():
        return _DrillRun(run, drill, record).execute()
    return None


class _DrillRun:
    """One drill under way."""

    def __init__(self, run: RunContext, drill: Drill, record: DrillRecord) -> None:
        self.run, self.drill, self.record, self.writer = run, drill, record, record.writer
        self.cluster = replace(run.cluster, note=record.note)
        self.healing, self.undos = False, Undos()
        self.failed: KubedrillError | ApiException | None = None

    def execute(self) -> str | None:
        """Run it; returns why it cannot be done on this cluster, None where it was."""
        problems = find_unfit(self.cluster)
        if problems:
            self.record.refuse(problems)
            return None
        ctx = self._prepare()
        reason = self.drill.unavailable(ctx)
        if reason:
            return reason
        try:
            ctx = replace(ctx, targets=choose(self.drill, ctx, self.run.replay))
        except OtherTargets as error:
            return str(error)
        self._drill(ctx)
        self._completed()
        return None

    def _prepare(self) -> DrillContext:
        """Put the app on the cluster and look at it.

        Raises:
            Unsafe: it could not be looked at, another run may drill it too, or the app could not be
                deployed.
        """
        cluster, replay, name = self.cluster, self.run.replay, self.drill.name
        try:
            self.run.lease.require()
            git_version = cluster.api.version.get_code().git_version
            self.record.kubernetes = git_version.removeprefix("v")
            self.run.progress.step(self.run.app.name, "deploy the app")
            self.run.app.deploy()
            timers = LiveTimers.read(cluster.api, cluster.hosts, cluster.inventory)
        except (StepFailed, DeadlineExceeded, ApiException) as error:
            raise Unsafe(
                f"the cluster could not be made ready for it: {describe(error)}"
            ) from error
        rng = replay.rng(name) if replay else drill_rng(self.run.seed, name)
        return DrillContext(cluster, self.run.app, timers, rng)

    def _drill(self, ctx: DrillContext) -> None:
        before = Baseline.read(self.cluster)
        where = self._where()
        places = choose_nodes(self.cluster.api, ctx.targets, self.drill.vantages)
        specs = standard_probes(where, self.cluster.settings, places)
        watched = self._watched()
        self.record.begin(ctx.targets, specs, tuple(watched))
        self.writer.check(health_check(CheckId.HEALTHY_BEFORE))
        for limit in judged_limits(self.drill, ctx, self.run.baselines, self.record.kubernetes):
            self.writer.limit(limit)
        session = ProbeSession(
            specs,
            self.writer.path,
            api=self.cluster.api,
            settings=self.cluster.settings,
            targets=where,
            watched=watched,
        )

        def tell() -> None:
            with suppress(KubedrillError):
                self.run.progress.availability(session.latest())

        with (
            session,
            Repeating([tell], TELL_S, patience_s=2 * TELL_S),
            Watchers(self.cluster, self.writer),
        ):
            self._drill_under_traffic(self._begin(ctx, session), before)

    def _watched(self) -> dict[str, str]:
        """The clients of the watch ledger; none where revisions go back with a snapshot."""
        if not self.cluster.settings.probes.watch_ledger or self.drill.restores_etcd:
            return {}
        return watch_clients(self.cluster.inventory)

    def _where(self) -> Targets:
        endpoints = self.run.app.endpoints()
        return find_targets(
            self.cluster.api,
            app_outside=endpoints.node_port,
            app_inside=endpoints.service,
            dns_name=endpoints.dns_name,
            dns_expect=endpoints.address,
            asked_outside=endpoints.asked_outside,
            asked_inside=endpoints.asked_inside,
        )

    def _drill_under_traffic(self, context: DrillContext, before: Baseline) -> None:
        """Everything that happens while the probes ask."""
        probes, timeouts = self.cluster.settings.probes, self.cluster.settings.timeouts
        self.run.progress.step("probes", f"steady state: {probes.warmup_s:g} s without a failure")
        try:
            since = context.wait_answering(
                "*", for_s=probes.warmup_s, seconds=timeouts.steady, setting="steady"
            )
        except DeadlineExceeded as error:
            raise Unsafe(
                f"there was no steady state to break, so nothing was broken: {error}"
            ) from error
        self.writer.event(
            Event(
                STEADY,
                "probes",
                "every probe is answered; judged from here on",
                since,
                {"warmup_s": probes.warmup_s, "cooldown_s": probes.cooldown_s},
            )
        )
        try:
            self.drill.run(context)
        except (KubedrillError, ApiException) as error:
            self.failed = error
        finally:
            self.healing = True
            with self.run.stop.shield():
                self._heal()
        with context.step("cluster", "recover: until it is healthy again"):
            self._recover(before)
        # an outage that is still going on has no end that could be told: give it the time to end
        with (
            context.step("probes", f"calm: {probes.cooldown_s:g} s without a failure"),
            suppress(DeadlineExceeded),
        ):
            context.wait_answering(
                "*", for_s=probes.cooldown_s, seconds=timeouts.steady, setting="steady"
            )

    def _checkpoint(self) -> None:
        """End the drill where another run took the cluster over; what heals is not ended."""
        if not self.healing:
            self.run.lease.raise_if_lost()

    def _heal(self) -> None:
        if not len(self.undos):
            return
        self.run.progress.step(self.run.app.name, "heal")
        try:
            self.undos.unwind()
        except StepFailed as error:
            self.writer.check(
                Check("everything was healed", False, str(error), "all undos succeed", "healed")
            )

    def _recover(self, before: Baseline) -> None:
        """Wait until the cluster is healthy and nothing of the fault is left."""
        started, problems = time.monotonic(), ""
        try:
            wait_healthy(self.cluster)
        except DeadlineExceeded as error:
            problems = str(error)
        after = f"no problems, {time.monotonic() - started:.0f} s after the heal"
        self.writer.check(health_check(CheckId.HEALTHY_AFTER, problems, after))
        self.writer.check(leftovers_check(wait_clean(self.cluster, before)))
        if other := self.run.lease.lost:
            self.writer.check(
                Check(
                    "nobody else drilled the cluster",
                    None,
                    f"{other} took it over",
                    "nobody",
                    "alone",
                )
            )

    def _completed(self) -> None:
        if self.failed is None:
            self.record.end("completed")
            return
        if isinstance(self.failed, StepFailed | DeadlineExceeded):
            self.writer.check(
                Check(
                    "every step succeeded",
                    False,
                    describe(self.failed),
                    "every step succeeds",
                    "steps-succeeded",
                )
            )
        self.record.end(
            "aborted" if isinstance(self.failed, Unsafe) else "error", describe(self.failed)
        )

    def _begin(self, ctx: DrillContext, session: ProbeSession) -> DrillContext:
        def succeeding(glob: str) -> bool:
            latest = {
                name: counts for name, counts in session.latest().items() if fnmatchcase(name, glob)
            }
            return bool(latest) and all(ok == total > 0 for ok, total in latest.values())

        guard = FaultGuard(self.cluster, takes_quorum=self.drill.takes_quorum)
        return replace(
            ctx,
            record=self.writer,
            progress=self.run.progress,
            undos=self.undos,
            succeeding=succeeding,
            guard=guard,
            checkpoint=self._checkpoint,
        )
