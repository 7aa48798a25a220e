"""One drill from healthy to healthy, with its record."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded, KubedrillError, StepFailed, Unsafe
from kubedrill.base.model import STEADY, Check, CheckId, Event, Header, ProbeSpec
from kubedrill.cluster.timers import LiveTimers
from kubedrill.core.context import DrillContext
from kubedrill.core.leftovers import Baseline
from kubedrill.core.recovery import wait_clean, wait_healthy
from kubedrill.core.undo import Undos
from kubedrill.core.watchers import Watchers
from kubedrill.probes import ProbeSession, find_targets, standard_probes
from kubedrill.record import RecordWriter
from kubedrill.runner.facts import host_facts
from kubedrill.runner.guards import FaultGuard, brief, find_unfit
from kubedrill.runner.replay import OtherTargets, choose
from kubedrill.runner.seeds import drill_rng
from kubedrill.runner.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubedrill.apps import Application
    from kubedrill.cluster.context import Cluster
    from kubedrill.core.drill import Drill
    from kubedrill.core.progress import Progress
    from kubedrill.probes import Targets
    from kubedrill.runner.lease import ClusterLease
    from kubedrill.runner.replay import Replay
    from kubedrill.runner.signals import Stop


@dataclass(frozen=True)
class RunContext:
    """What all drills of a run share."""

    cluster: Cluster
    app: Application
    progress: Progress
    stop: Stop
    seed: int
    directory: Path
    lease: ClusterLease
    replay: Replay | None = None

    def record_path(self, drill: Drill) -> Path:
        """Where a drill's record stands."""
        return self.directory / "record" / f"{drill.name}.jsonl"


def run_drill(run: RunContext, drill: Drill) -> str | None:
    """Run a drill and leave its record behind.

    Where it cannot be done on this cluster, return the reason.

    Errors of the drill end up in the record, not in the caller; an interrupt and a bug of the
    harness are raised after everything was healed and the record was closed.
    """
    writer = RecordWriter(run.record_path(drill))
    try:
        return _DrillRun(run, drill, writer).execute()
    finally:
        writer.close()
        if not writer.path.stat().st_size:
            writer.path.unlink()


class _DrillRun:
    """One drill under way."""

    def __init__(self, run: RunContext, drill: Drill, writer: RecordWriter) -> None:
        self.run, self.drill, self.writer = run, drill, writer
        self.cluster = replace(run.cluster, note=self._note)
        self.begun, self.healing = False, False
        self.undos = Undos()
        self.failed: KubedrillError | ApiException | None = None
        self.kubernetes = (
            self.cluster.inventory.kubernetes_version
        )  # until the cluster said what it runs

    def execute(self) -> str | None:
        """Run it; returns why it cannot be done on this cluster, None where it was."""
        with self._ending():
            ctx = self._prepare()
            if ctx is None:
                return None
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

    def _prepare(self) -> DrillContext | None:
        """Look at the cluster and put the app on it.

        None where it is not healthy, which the record then says.

        Raises:
            Unsafe: it could not be looked at, another run may drill it too, or the app could not be
                deployed.
        """
        problems = find_unfit(self.cluster)
        if problems:
            self._abort(problems)
            return None
        try:
            self.run.lease.require()
            self.kubernetes = self.cluster.api.version.get_code().git_version.removeprefix("v")
            self.run.progress.step(self.run.app.name, "deploy the app")
            self.run.app.deploy()
            return self._context()
        except (StepFailed, DeadlineExceeded, ApiException) as error:
            raise Unsafe(f"the cluster could not be made ready for it: {_format(error)}") from error

    def _context(self) -> DrillContext:
        cluster, replay, name = self.cluster, self.run.replay, self.drill.name
        rng = replay.rng(name) if replay else drill_rng(self.run.seed, name)
        timers = LiveTimers.read(cluster.api, cluster.hosts, cluster.inventory)
        return DrillContext(cluster, self.run.app, timers, rng)

    def _drill(self, ctx: DrillContext) -> None:
        before = Baseline.read(self.cluster)
        where = self._where()
        specs = standard_probes(where, self.cluster.settings)
        self._header(ctx.targets, specs)
        self.writer.check(
            Check("healthy before", True, "no problems", "no problems", CheckId.HEALTHY_BEFORE)
        )
        for limit in self.drill.outage_limits(ctx):
            self.writer.limit(limit)
        session = ProbeSession(
            specs,
            self.writer.path,
            api=self.cluster.api,
            settings=self.cluster.settings,
            targets=where,
            avoid=ctx.targets,
        )
        with (
            session,
            Ticker(session.latest, self.run.progress.availability),
            Watchers(self.cluster, self.writer),
        ):
            self._drill_under_traffic(self._begin(ctx, session), before)

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
        started = time.monotonic()
        try:
            wait_healthy(self.cluster)
            actual, ok = f"no problems, {time.monotonic() - started:.0f} s after the heal", True
        except DeadlineExceeded as error:
            actual, ok = str(error), False
        self.writer.check(Check("healthy after", ok, actual, "no problems", CheckId.HEALTHY_AFTER))
        left = wait_clean(self.cluster, before)
        leftovers = "; ".join(left) or "nothing"
        self.writer.check(
            Check("no leftovers", not left, leftovers, "nothing", CheckId.NO_LEFTOVERS)
        )
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

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Close the record, however the drill ends."""
        with ExitStack() as stack:
            stack.callback(self.writer.flush)
            try:
                yield
            except Unsafe as error:
                self._end("aborted", str(error))
            except KeyboardInterrupt:
                self._end(
                    "interrupted", "asked to stop (Ctrl-C or SIGTERM); what was broken was healed"
                )
                raise
            except (KubedrillError, ApiException) as error:
                self._end("error", _format(error))
            except BaseException as error:
                self._end("error", f"a mistake of the harness: {error!r}")
                raise

    def _completed(self) -> None:
        if self.failed is None:
            self._end("completed", "")
            return
        if isinstance(self.failed, StepFailed | DeadlineExceeded):
            self.writer.check(
                Check(
                    "every step succeeded",
                    False,
                    _format(self.failed),
                    "every step succeeds",
                    "steps-succeeded",
                )
            )
        self._end("aborted" if isinstance(self.failed, Unsafe) else "error", _format(self.failed))

    def _end(self, ended: str, reason: str) -> None:
        if not self.begun:
            self._header((), ())
        self.writer.end(time.monotonic_ns(), ended, reason)

    def _abort(self, problems: list[str]) -> None:
        self._header((), ())
        actual = "; ".join(problems)
        self.writer.check(
            Check("healthy before", False, actual, "no problems", CheckId.HEALTHY_BEFORE)
        )
        self._end(
            "aborted", f"the cluster was not healthy, so it was not touched: {brief(problems)}"
        )

    def _header(self, targets: tuple[str, ...], specs: tuple[ProbeSpec, ...]) -> None:
        run, inventory = self.run, self.cluster.inventory
        header = Header(
            run=run.directory.name,
            drill=self.drill.name,
            title=self.drill.title,
            cluster=inventory.name,
            seed=run.seed,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            started_mono=time.monotonic_ns(),
            tool_version=version("kubedrill"),
            kubernetes=self.kubernetes,
            nodes=tuple(node.name for node in inventory.nodes),
            targets=targets,
            probes=specs,
            min_samples=self.cluster.settings.probes.min_samples,
            host={
                **host_facts(inventory, self.cluster.settings),
                "replay": f"kubedrill replay {run.directory.name}",
            },
            leaves=self.drill.leaves,
        )
        self.writer.header(header)
        self.begun = True

    def _note(self, subject: str, text: str) -> None:
        """Tell the terminal and, once the record has begun, the timeline."""
        self.run.progress.note(subject, text)
        if self.begun:
            self.writer.event(Event("note", subject, text, time.monotonic_ns()))

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


def _format(error: KubedrillError | ApiException) -> str:
    if isinstance(error, ApiException):
        return (
            f"the API refused with {error.status}: {error.reason} "
            f"{' '.join(str(error.body or '').split())[:300]}"
        )
    return str(error)
