"""One cycle: lock, clean up or continue what a killed one left, then cell after cell."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubedrill.nightly.cell_run import CellRun
from kubedrill.nightly.cells import cells_of
from kubedrill.nightly.context import CycleContext
from kubedrill.nightly.parts import end_marked
from kubedrill.nightly.state import FOLDER, CellState, CycleState, DiskFull, Store, now, read_state
from kubedrill.runner.lock import exclusive
from kubedrill.runner.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator


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
class Cycles(CycleContext):
    """All cycles of one plan file."""

    current: Store | None = None  # the cycle that run() began or goes on with

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
            store.state.end("finished")
            store.save()
            return store

    def clean(self) -> int:
        """Take away what killed cycles left and what was kept.

        Returns how many clusters that were.
        """
        with cycle_lock(), stop_on_signals():
            count = 0
            for folder in self.cycles:
                store = Store(folder, read_state(folder))
                end_marked(store.state.cycle, self.plan.limits.heal)
                for state in store.state.cells:
                    if state.phase == "running" or state.cluster_kept or state.left:
                        self.tell(state.key, f"{store.state.cycle}: taking {state.cluster} away")
                        CellRun(self, store, state).clean()
                        state.phase = "pending" if state.phase == "running" else state.phase
                        count += 1
                store.save()
            return count

    def _begin(self) -> Store:
        began = datetime.now(UTC)
        # two users' cycles may begin in the same second, on nodes of one Docker daemon
        identity = secrets.token_hex(2)
        cycle = f"{began:%Y%m%dT%H%M%SZ}-{identity}"
        cells = [
            CellState(
                **cell.model_dump(),
                cluster=f"{self.plan.name}-{began:%m%d%H%M}{identity}-{number:02}",
            )
            for number, cell in enumerate(cells_of(self.plan), 1)
        ]
        state = CycleState(
            cycle=cycle,
            plan=self.plan.name,
            plan_path=str(self.plan_path),
            digest=self.plan.digest,
            cells=cells,
        )
        store = Store(self.reports / FOLDER / cycle, state)
        store.save()
        return store

    def _recover(self, *, new: bool) -> Store | None:
        """Clean up after cycles that did not end; returns the one to continue."""
        latest = None
        for folder in [folder for folder in self.cycles if not read_state(folder).ended]:
            store = Store(folder, read_state(folder))
            self.tell(store.state.cycle, "was cut off: ending what is left of it")
            end_marked(store.state.cycle, self.plan.limits.heal)
            for state in store.state.cells:
                if state.phase == "running":
                    CellRun(self, store, state).interrupted(
                        "the cycle was killed", self.plan.attempts
                    )
                elif state.left:
                    CellRun(self, store, state).clean()
            why = "given up: a new cycle was asked for" if new else self._unfit(store.state)
            if why:
                store.state.end(why)
                self.tell(store.state.cycle, why)
            else:
                latest = store
            store.save()
        return latest

    def _unfit(self, state: CycleState) -> str:
        """Why a cut cycle is not continued; "": it is."""
        if state.digest != self.plan.digest:
            return "given up: the plan is another one now"
        if state.age_s > self.plan.continue_within:
            return f"given up: it began {state.age_s / 3600:.0f} h ago (continue_within)"
        return ""

    def _cells(self, store: Store) -> None:
        for state in store.state.cells:
            if state.phase == "done":
                continue
            if store.state.age_s > self.plan.limits.cycle:
                state.reason = (
                    f"not begun: the cycle's limit of {self.plan.limits.cycle} s had passed"
                )
                store.save()
                continue
            CellRun(self, store, state).run()

    def _interrupted(self, store: Store) -> None:
        for state in store.state.cells:
            if state.phase == "running":
                CellRun(self, store, state).interrupted(
                    "the cycle was asked to stop", self.plan.attempts + 1
                )
        self._stopped(store, "asked to stop (Ctrl-C or SIGTERM)")

    def _stopped(self, store: Store, why: str) -> None:
        store.state.stopped.append(f"{now()}: {why}")
        try:
            store.save()
        except DiskFull as error:
            self.tell(store.state.cycle, str(error))
