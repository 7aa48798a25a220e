"""A run: drills one after the other on one cluster, a record each, verdicts and a report."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING

from kubedrill.apps import AppSource, read_app
from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.base.files import make_private_folder
from kubedrill.base.plan import PLAN_FILE, RunPlan, read_plan, write_plan
from kubedrill.base.results import DrillVerdict, VerdictKind
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.connections import connected
from kubedrill.cluster.context import Cluster
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.power import Power
from kubedrill.drills import find_drills
from kubedrill.probes import end_probes, remove_probes
from kubedrill.record import read_record
from kubedrill.report import compare, write_files
from kubedrill.runner.baselines import read_baselines
from kubedrill.runner.context import RunContext
from kubedrill.runner.drill_run import run_drill
from kubedrill.runner.lease import ClusterLease
from kubedrill.runner.lock import run_lock
from kubedrill.runner.permission import require_permission
from kubedrill.runner.signals import Stop, stop_on_signals
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kubedrill.apps import Application
    from kubedrill.base.model import Record
    from kubedrill.base.plan import Baseline
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings
    from kubedrill.core.drill import Drill
    from kubedrill.core.progress import Progress
    from kubedrill.runner.replay import Replay

_SEEDS = 1_000_000


@dataclass(frozen=True)
class RunResult:
    """What a run came to."""

    directory: Path
    verdicts: tuple[DrillVerdict, ...]
    not_run: dict[str, str] = field(default_factory=dict)  # name → reason
    interrupted: bool = False
    seed: int = field(default=0)
    missing: Mapping[str, str] = field(default_factory=dict)  # drills owed: name → reason

    @property
    def verdict(self) -> VerdictKind:
        """The worst one.

        A drill that was not run or is missing is INCONCLUSIVE, an interrupted run ABORTED.
        """
        kinds = [verdict.verdict for verdict in self.verdicts]
        kinds += [VerdictKind.INCONCLUSIVE] if self.not_run or self.missing else []
        kinds += [VerdictKind.ABORTED] if self.interrupted else []
        return VerdictKind.worst(kinds)


def run_drills(  # noqa: PLR0913 - each is named by the caller
    names: Sequence[str],
    inventory: Inventory,
    settings: Settings,
    *,
    progress: Progress,
    seed: int | None = None,
    replay: Replay | None = None,
) -> RunResult:
    """Run drills by name ("all" or none.

    Every one), or repeat those of an earlier run, and write their report.

    Raises:
        UsageError: an unknown drill, the inventory does not allow drills, or the user's own
            application cannot be rendered or does not fit ``app:``, or the history that limits come
            from cannot be read. Nothing was touched.
        Unsafe: another run drills this cluster.
        StepFailed: the cluster cannot be reached at all, or kubectl or helm refused to render the
            application.
    """
    drills: Sequence[Drill] = replay.drills if replay else find_drills(list(names))
    require_permission(inventory)
    source = read_app(settings)
    baselines = read_baselines(drills, inventory, settings)
    seed = replay.seed if replay else new_seed() if seed is None else seed
    with run_lock(inventory), stop_on_signals() as stop:
        directory = new_directory(settings.reports_dir, seed)
        plan = _plan(directory.name, drills, inventory, settings, seed, *baselines)
        write_plan(directory, plan)
        run = _Run(
            inventory, settings, progress, stop, seed, directory, source, replay, plan.baselines
        )
        try:
            interrupted = run.all(drills)
        except BaseException:
            run.save()
            raise
        return run.conclude(interrupted=interrupted)


def _plan(  # noqa: PLR0913, PLR0917 - what a plan is made of
    run: str,
    drills: Sequence[Drill],
    inventory: Inventory,
    settings: Settings,
    seed: int,
    baselines: list[Baseline],
    history_sha256: str,
) -> RunPlan:
    return RunPlan(
        run=run,
        cluster=inventory.name,
        seed=seed,
        drills=[drill.name for drill in drills],
        tool_version=version("kubedrill"),
        config_sha256=sha256(settings.model_dump_json().encode()).hexdigest(),
        baselines=baselines,
        history_sha256=history_sha256,
    )


def new_seed() -> int:
    """Draw the seed of a run that is given none."""
    return secrets.randbelow(_SEEDS)


def new_directory(reports: Path, seed: int) -> Path:
    """Make the run's folder, with one for its records.

    UTC time and seed, so that names sort by time and tell how to replay.
    """
    directory = reports / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{seed}"
    make_private_folder(directory, exist_ok=False)
    make_private_folder(directory / "record")
    return directory


def remove_empty(directory: Path) -> None:
    """Take away a run's folder that no record was put into, with its plan."""
    (directory / PLAN_FILE).unlink(missing_ok=True)
    for path in [*directory.glob("*/"), directory]:
        path.rmdir()


@dataclass
class _Run:
    inventory: Inventory
    settings: Settings
    progress: Progress
    stop: Stop
    seed: int
    directory: Path
    source: AppSource
    replay: Replay | None = None
    baselines: Sequence[Baseline] = ()
    not_run: dict[str, str] = field(default_factory=dict)
    judged: dict[Path, tuple[Record, DrillVerdict]] = field(default_factory=dict)

    def all(self, drills: Sequence[Drill]) -> bool:
        """Run the drills one after the other; returns whether the run was interrupted."""
        try:
            with (
                connected(Hosts(self.inventory, self.settings)) as hosts,
                ClusterApi.connect(self.inventory, hosts, self.settings) as api,
                ClusterLease(api, self.inventory.name) as lease,
            ):
                power = Power(self.inventory, self.settings)
                note = self.progress.note
                cluster = Cluster(self.inventory, self.settings, api, hosts, power, note)
                app = self.source.on(api)
                run = RunContext(
                    cluster,
                    app,
                    self.progress,
                    self.stop,
                    self.seed,
                    self.directory,
                    lease,
                    self.replay,
                    self.baselines,
                )
                try:
                    self._each(run, drills)
                finally:
                    with self.stop.shield():
                        self._remove(app, api)
        except KeyboardInterrupt:
            return True
        return False

    def save(self) -> None:
        """After an error: report what was recorded before it, or leave no empty folder behind."""
        if any(self.directory.rglob("*.jsonl")):
            self.conclude(interrupted=True)
        else:
            remove_empty(self.directory)

    def conclude(self, *, interrupted: bool) -> RunResult:
        """Judge all records and write the report."""
        judged: list[tuple[Record, DrillVerdict]] = []
        unusable: dict[str, str] = {}
        for path in self.directory.glob("record/*.jsonl"):
            try:
                judged.append(self._judge(path))
            except UsageError as error:
                unusable[path.stem] = f"its record cannot be read: {error}"
        judged.sort(key=lambda pair: pair[0].header.started_mono)
        run = compare(
            self.directory,
            read_plan(self.directory),
            judged,
            not_run=self.not_run,
            unusable=unusable,
            interrupted=interrupted,
        )
        write_files(self.directory, run)
        return RunResult(
            self.directory, run.verdicts, run.not_run, interrupted, self.seed, run.missing
        )

    def _judge(self, path: Path) -> tuple[Record, DrillVerdict]:
        if path not in self.judged:
            record = read_record(path)
            self.judged[path] = record, judge(record)
        return self.judged[path]

    def _each(self, run: RunContext, drills: Sequence[Drill]) -> None:
        for number, drill in enumerate(drills, 1):
            self.progress.drill(drill.name, drill.title, number, len(drills))
            run.lease.ensure()
            reason = run_drill(run, drill)
            if reason:
                self.not_run[drill.name] = reason
                self.progress.done(drill.name, "not run", reason)
            else:
                _, verdict = self._judge(run.record_path(drill))
                self.progress.done(drill.name, verdict.verdict.value, verdict.reason)

    def _remove(self, app: Application, api: ClusterApi) -> None:
        """Take the app and the probes away.

        A cluster that is too broken must not hide what was found before.
        """
        try:
            if app.status() is None:
                return
            self.progress.step("cluster", "remove the app and the probes")
            end_probes(api)  # while the app does
            app.remove()
            remove_probes(api)
        except KubedrillError as error:
            self.progress.note(app.name, f"could not be removed: {error}")
