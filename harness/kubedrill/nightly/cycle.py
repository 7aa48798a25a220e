"""One cycle: lock, clean up or continue what a killed one left, then cell after cell."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubedrill.config import Settings, load_settings
from kubedrill.drills import ALL
from kubedrill.nightly.cell_run import Bench, CellRun
from kubedrill.nightly.cells import Cell, cells_of
from kubedrill.nightly.parts import KUBEDRILL, end_marked
from kubedrill.nightly.state import CellState, CycleState, DiskFull, Store, all_cycles, read_state
from kubedrill.runner.lock import exclusive
from kubedrill.runner.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from kubedrill.nightly.plan import Plan

FOLDER = "nightly"
"""Below the reports."""


@contextmanager
def cycle_lock() -> Iterator[None]:
    """Hold this user's lock on this host.

    Two cycles at once would share processors, and believe neither's verdict.

    Raises:
        Unsafe: another cycle holds it; names its process.
    """
    with exclusive("nightly", "another cycle runs"):
        yield


@dataclass
class Cycles:
    """All cycles of one plan file, below one folder of reports."""

    plan: Plan
    plan_path: Path
    config: Path | None  # --config, which wins over the plan's
    tell: Callable[[str, str], None]
    program: Sequence[str] = field(default_factory=lambda: KUBEDRILL)
    current: Store | None = None  # the cycle that run() began or goes on with
    _settings: dict[str, Settings] = field(default_factory=dict)

    @property
    def reports(self) -> Path:
        """Where runs are, absolute."""
        return self.plan_settings.reports_dir.absolute()

    @property
    def plan_settings(self) -> Settings:
        """The plan's configuration."""
        return self._load(self.plan.config)

    def settings(self, topology: str) -> Settings:
        """The configuration of a topology's clusters."""
        return self._load(self.plan.config_of(topology))

    def run(self, *, new: bool = False, begin: bool = True) -> Store | None:
        """Run a cycle to its end, or go on with the one that was cut off; returns it.

        ``new``: clean up after a cut one and begin anew. Without ``begin`` a cut one is all that
        there is to do.

        Raises:
            Unsafe: another one runs; the disk is full; or it was asked to stop. A next start goes
                on.
        """
        for topology in self.plan.topologies:
            self.settings(topology)  # a mistake in one of them is told before anything is touched
        with cycle_lock(), stop_on_signals():
            store = self._recover(new=new) or (self._begin() if begin else None)
            if store is None:
                return None
            self.current = store
            try:
                self._cells(store)
            except DiskFull as error:
                self._stopped(store, str(error))
                raise
            except KeyboardInterrupt:
                self._interrupted(store)
                raise
            store.state.ended, store.state.outcome = _now(), "finished"
            store.save()
            return store

    def clean(self) -> int:
        """Take away what killed cycles left and what was kept.

        Returns how many clusters that were.
        """
        with cycle_lock(), stop_on_signals():
            count = 0
            for folder in all_cycles(self.reports / FOLDER):
                store = Store(folder, read_state(folder))
                end_marked(store.state.cycle, self.plan.limits.heal)
                for state in store.state.cells:
                    if state.phase == "running" or state.cluster_kept or state.left:
                        self.tell(state.key, f"{store.state.cycle}: taking {state.cluster} away")
                        self._cell(store, state).clean()
                        state.phase = "pending" if state.phase == "running" else state.phase
                        count += 1
                store.save()
            return count

    def _begin(self) -> Store:
        now = datetime.now(UTC)
        identity = secrets.token_hex(
            2
        )  # two users' cycles may begin in the same second, on nodes of one Docker daemon
        cycle = f"{now:%Y%m%dT%H%M%SZ}-{identity}"
        cells = [
            CellState(
                key=cell.key,
                topology=cell.topology,
                versions=cell.versions,
                during=cell.during,
                cluster=f"{self.plan.name}-{now:%m%d%H%M}{identity}-{number:02}",
            )
            for number, cell in enumerate(cells_of(self.plan), 1)
        ]
        state = CycleState(
            cycle=cycle,
            plan=self.plan.name,
            plan_path=str(self.plan_path),
            digest=self.plan.digest,
            started=_now(),
            cells=cells,
        )
        store = Store(self.reports / FOLDER / cycle, state)
        store.save()
        return store

    def _recover(self, *, new: bool) -> Store | None:
        """Clean up after cycles that did not end; returns the one to continue."""
        unfinished = [
            folder for folder in all_cycles(self.reports / FOLDER) if not read_state(folder).ended
        ]
        latest = None
        for folder in unfinished:
            store = Store(folder, read_state(folder))
            self.tell(store.state.cycle, "was cut off: ending what is left of it")
            end_marked(store.state.cycle, self.plan.limits.heal)
            for state in store.state.cells:
                if state.phase == "running":
                    self._cell(store, state).interrupted("the cycle was killed", self.plan.attempts)
                elif state.left:
                    self._cell(store, state).clean()
            why = "given up: a new cycle was asked for" if new else self._unfit(store.state)
            if why:
                store.state.ended, store.state.outcome = _now(), why
                self.tell(store.state.cycle, why)
            else:
                latest = store
            store.save()
        return latest

    def _unfit(self, state: CycleState) -> str:
        """Why a cut cycle is not continued; "": it is."""
        if state.digest != self.plan.digest:
            return "given up: the plan is another one now"
        age = (datetime.now(UTC) - datetime.fromisoformat(state.started)).total_seconds()
        if age > self.plan.continue_within:
            return f"given up: it began {age / 3600:.0f} h ago (continue_within)"
        return ""

    def _cells(self, store: Store) -> None:
        for state in store.state.cells:
            if state.phase == "done":
                continue
            age = (datetime.now(UTC) - datetime.fromisoformat(store.state.started)).total_seconds()
            if age > self.plan.limits.cycle:
                state.reason = (
                    f"not begun: the cycle's limit of {self.plan.limits.cycle} s had passed"
                )
                store.save()
                continue
            self._cell(store, state).run()

    def _cell(self, store: Store, state: CellState) -> CellRun:
        drills = self.plan.drills
        cell = Cell(
            state.topology,
            state.versions,
            state.during,
            drills.before,
            drills.after if state.during else (),
        )
        return CellRun(self._bench(store), cell, state)

    def _bench(self, store: Store) -> Bench:
        return Bench(
            self.plan, store, self.settings, self.reports, self.tell, self._taken, self.program
        )

    def _taken(self) -> set[str]:
        """Networks of clusters that stand: kept ones, and what could not be taken away."""
        states = [read_state(folder) for folder in all_cycles(self.reports / FOLDER)]
        return {
            cell.network
            for state in states
            for cell in state.cells
            if cell.cluster_kept or cell.left
        }

    def _interrupted(self, store: Store) -> None:
        for state in store.state.cells:
            if state.phase == "running":
                self._cell(store, state).interrupted(
                    "the cycle was asked to stop", self.plan.attempts + 1
                )
        self._stopped(store, "asked to stop (Ctrl-C or SIGTERM)")

    def _stopped(self, store: Store, why: str) -> None:
        store.state.stopped.append(f"{_now()}: {why}")
        try:
            store.save()
        except DiskFull as error:
            self.tell(store.state.cycle, str(error))

    def _load(self, name: str) -> Settings:
        if name not in self._settings:
            path = self.config or (self.plan_path.parent / name if name else None)
            self._settings[name] = load_settings(path, ALL)
        return self._settings[name]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
