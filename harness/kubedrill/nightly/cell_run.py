"""One cell from nothing to nothing.

Up, drills before, each version step, drills after, diagnostics, down.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from kubedrill.base.errors import KubedrillError
from kubedrill.base.project import state_folder
from kubedrill.base.results import VerdictKind
from kubedrill.drills import ALL
from kubedrill.nightly.cluster import free_network, take_away, write_inventory
from kubedrill.nightly.parts import Ended, redact_log, run_part
from kubedrill.nightly.runs import (
    finish_runs,
    found_in,
    judge_part,
    judge_readiness,
    runs_of,
    verdict_of,
)
from kubedrill.nightly.state import (
    CellState,
    DiskFull,
    PartState,
    Store,
    read_state,
    refuse_full_disk,
    write_whole,
)

if TYPE_CHECKING:
    from kubedrill.nightly.context import CycleContext

ROUTES = Path("/proc/net/route")
SOME_MISSING = 3
"""Exit code of ``kubedrill diagnostics`` where something could not be had, as of a node that is
off."""


class CellRun:
    """Runs one cell. Every change of its state is on the disk before the next thing is done."""

    def __init__(self, context: CycleContext, store: Store, state: CellState) -> None:
        self.context, self.store, self.state = context, store, state
        self.drills, self.limits = context.plan.drills, context.plan.limits
        self.folder = store.cell_folder(state)
        self.inventory = self.folder / "inventory"
        self.settings = context.settings(state.topology).model_copy(
            update={"reports_dir": context.reports}
        )
        # what the processes of this cell carry in their environment
        self.mark = f"{store.state.cycle}/{state.key}"

    def run(self) -> None:
        """Run all parts; the cell has its verdict afterwards, whatever happened to its cluster.

        Raises:
            DiskFull: there is no room for the record; the cluster was taken away.
        """
        try:
            try:
                self._begin()
                self._parts()
            except DiskFull:
                raise
            except KubedrillError as error:
                self._fail(str(error))
            self.conclude()
        except DiskFull:
            self._take_away(Path("/dev/null"))
            raise

    def _begin(self) -> None:
        taken = {  # by clusters that stand: kept ones, and what could not be taken away
            cell.network
            for folder in self.context.cycles
            for cell in read_state(folder).cells
            if cell.cluster_kept or cell.left
        }
        network = free_network(
            self.context.plan.networks, taken, ROUTES.read_text(encoding="ascii")
        )
        self.state.network, self.state.phase = network, "running"
        self.state.attempt += 1
        self.state.parts, self.state.verdict, self.state.reason = [], None, ""
        self.store.save()
        write_inventory(self.folder, self.state, self.state.cluster, network)

    def _parts(self) -> None:
        provider, targets = self.context.plan.provider, self.state.versions[1:]
        up = [word for version in targets for word in ("--upgrade-to", version)]
        up += ["--provider", provider] if provider else []
        if self._part("up", "up", ["up", *up]).result != "ok":
            self._fail(f"the cluster was not made: {self.state.parts[-1].reason}")
            return
        if self.drills.before and not self._drill("before", "before", self.drills.before):
            return
        for target in targets:
            if self.context.plan.readiness:
                self._readiness(target)
            if not self._drill(f"upgrade to {target}", "upgrade", (self.state.during,), target):
                return
            if not ALL[self.state.during].leaves_upgraded:
                break  # refused or taken back: there is no further step to take
        if self.state.during and self.drills.after:
            self._drill("after", "after", self.drills.after)

    def _drill(self, name: str, kind: str, drills: tuple[str, ...], target: str = "") -> bool:
        """Run drills as one run; returns whether there is any use in going on with this cluster."""
        known = set(self._runs())
        ended = self._part(name, kind, ["drill", *drills], target)
        new = [folder for folder in self._runs() if folder not in known]
        finish_runs(new, self.settings, self._tell)
        part = self.state.parts[-1]
        part.verdict, why = judge_part(drills, ended, [verdict_of(folder) for folder in new])
        limit = part.reason if ended.result == "time limit" else ""
        part.reason = "; ".join(filter(None, (limit, why)))
        self.state.runs = [folder.name for folder in self._runs()]
        self.store.save()
        return ended.result != "time limit" and part.verdict is not VerdictKind.ABORTED

    def _readiness(self, target: str) -> None:
        """Record what would stop or hurt the step; the drill goes its way whatever was found."""
        arguments = ["readiness", "--upgrade-to", target, "--output", "json"]
        ended = self._part(f"readiness to {target}", "readiness", arguments)
        part = self.state.parts[-1]
        part.verdict, reason = judge_readiness(ended, found_in(self.store.folder / part.log))
        part.reason = reason or part.reason
        if part.verdict is None:
            part.result = "ok"
        self.store.save()

    def _part(self, name: str, kind: str, arguments: list[str], target: str = "") -> Ended:
        """Run a command of kubedrill on the cell's cluster, with the limit of its kind."""
        self.check_disk()
        config = self._config(kind, target)
        part, log = self._begin_part(name)
        limit = int(getattr(self.limits, kind))
        self._tell(f"{name} (at most {limit // 60} min)")
        cluster = ["--inventory", str(self.inventory), "--config", str(config)]
        with refuse_full_disk(log):
            ended = run_part(
                [*self.context.program, *arguments, *cluster],
                log,
                mark=self.mark,
                limit_s=limit,
                heal_s=self.limits.heal,
                database=self.settings.history.database.get_secret_value(),
            )
        part.end(ended.result, ended.seconds, ended.code)
        if ended.result == "time limit":
            part.reason = f"{name} did not end within its limit of {limit} s and was ended"
        elif ended.result == "failed":
            part.reason = ended.words
        self.store.save()
        return ended

    def _begin_part(self, name: str) -> tuple[PartState, Path]:
        """Record that a part begins; returns it with the file for its output."""
        log = self.folder / f"{name.replace(' ', '-')}.{self.state.attempt}.log"
        part = PartState(name=name, log=str(log.relative_to(self.store.folder)))
        self.state.parts.append(part)
        self.store.save()
        return part, log

    def check_disk(self) -> None:
        """Stop before the disk is full, while there is room to clean up and to say so.

        Raises:
            DiskFull: less is free than the plan wants.
        """
        least = self.context.plan.min_free_gb
        for place in dict.fromkeys((self.context.reports, state_folder())):
            free = shutil.disk_usage(place).free / 1e9
            if free < least:
                raise DiskFull(
                    f"{place} has {free:.1f} GB free, the plan wants {least:g} (min_free_gb): the "
                    f"cycle stops, what "
                    "was recorded is intact. Make room, then run the same command again: it goes "
                    "on."
                )

    def conclude(self) -> None:
        """Give the cell its verdict, and take its cluster away unless it is kept."""
        verdicts = [part.verdict for part in self.state.parts if part.verdict]
        if self.state.verdict is None:
            self.state.verdict = VerdictKind.worst(verdicts)
            decided = [
                part
                for part in self.state.parts
                if part.reason and (part.verdict or not part.name.startswith("readiness"))
            ]
            reasons = [f"{part.name}: {part.reason}" for part in decided]
            self.state.reason = "; ".join(reasons) or (
                "every drill passed" if verdicts else "no drill was run"
            )
        passed = self.state.verdict is VerdictKind.PASS
        self.store.save()
        if not passed and self.state.parts:
            self._collect()
        if self.context.plan.keep_on_failure and not passed and self.state.parts:
            self.state.cluster_kept = True
        else:
            self.clean()
        self.state.phase = "done"
        self.store.save()
        self._tell(f"{self.state.verdict.value}: {self.state.reason}")

    def _collect(self) -> None:
        """Put what explains the failure into one archive, while the cluster still stands."""
        archive = self.folder / "diagnostics.tar.gz"
        arguments = ["diagnostics", "--to", str(archive), "--also", str(self.folder)]
        arguments += [word for run in self.state.runs for word in ("--run", run)]
        ended = self._part("diagnostics", "diagnostics", arguments)
        if ended.code == SOME_MISSING:
            self.state.parts[-1].result = "ok"
        if archive.exists():
            self.state.diagnostics = str(archive.relative_to(self.store.folder))
            self.store.save()

    def clean(self) -> None:
        """Take the cluster away.

        What is left is in the state, and tried again by the next start.
        """
        part, log = self._begin_part("down")
        ended, left = self._take_away(log)
        if ended:
            part.end(ended.result, ended.seconds, ended.code)
        else:
            part.end("ok")
        part.reason = f"not taken away: {left}" if left else ""
        self.state.left, self.state.cluster_kept = left, False
        self.store.save()

    def interrupted(self, why: str, attempts: int) -> None:
        """After a kill: judge what was recorded, clean up, and begin the cell anew or give it up.

        A cell that had its verdict keeps it: only taking its cluster away was cut off.
        """
        finish_runs(self._runs(), self.settings, self._tell)
        self.state.runs = [folder.name for folder in self._runs()]
        part = next((part for part in self.state.parts if not part.ended), None)
        if part:
            part.end("interrupted")
            if part.log:
                redact_log(self.store.folder / part.log)
        self.state.interruptions.append(
            f"{why} during {part.name if part else 'the time between two parts'}"
        )
        self.clean()
        self.state.phase = "pending" if self.state.verdict is None else "done"
        if self.state.verdict is None and self.state.attempt >= attempts:
            self._fail(
                f"begun {self.state.attempt} times and never finished: "
                f"{'; '.join(self.state.interruptions)}"
            )
            self.state.phase = "done"
        self.store.save()

    def _take_away(self, log: Path) -> tuple[Ended | None, str]:
        return take_away(
            self.inventory,
            self.state.cluster,
            log,
            program=self.context.program,
            mark=self.mark,
            limit_s=self.limits.down,
        )

    def _fail(self, reason: str) -> None:
        self.state.verdict, self.state.reason = VerdictKind.ABORTED, reason

    def _runs(self) -> list[Path]:
        return runs_of(self.state.cluster, self.context.reports, self.store.state.cycle)

    def _tell(self, text: str) -> None:
        self.context.tell(self.state.key, text)

    def _config(self, kind: str, target: str) -> Path:
        """The part's own configuration: that of the topology, with the version to upgrade to.

        The history's database, whose URL may hold a password, is handed over in the environment.
        """
        path = self.folder / f"config-{f'{kind}-{target}' if target else 'up'}.yml"
        settings = self.settings.model_copy(update={"upgrade_to": target})
        document = settings.model_dump(mode="json", exclude={"history": {"database"}})
        write_whole(path, yaml.safe_dump(document, sort_keys=False))
        return path
