"""One cell from nothing to nothing.

Up, drills before, each version step, drills after, diagnostics, down.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from kubedrill.base.errors import KubedrillError
from kubedrill.base.project import state_folder
from kubedrill.base.results import VerdictKind
from kubedrill.drills import ALL
from kubedrill.nightly.clusters import take_away
from kubedrill.nightly.inventory import free_network, write_inventory
from kubedrill.nightly.parts import KUBEDRILL, Ended, describe_end, run_part
from kubedrill.nightly.runs import finish_runs, found_in, runs_of, verdict_of
from kubedrill.nightly.state import (
    CellState,
    DiskFull,
    PartState,
    Store,
    told_when_full,
    write_whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubedrill.config import Settings
    from kubedrill.nightly.cells import Cell
    from kubedrill.nightly.plan import Plan

ROUTES = Path("/proc/net/route")
SOME_MISSING = 3
"""Exit code of ``kubedrill diagnostics`` where something could not be had, as of a node that is
off."""


@dataclass
class Bench:
    """What all cells of a cycle work with."""

    plan: Plan
    store: Store
    settings: Callable[[str], Settings]  # the configuration of a topology's clusters
    reports: Path  # absolute
    tell: Callable[[str, str], None]
    taken: Callable[[], set[str]]  # networks of clusters that were kept
    program: Sequence[str] = KUBEDRILL


class CellRun:
    """Runs one cell. Every change of its state is on the disk before the next thing is done."""

    def __init__(self, bench: Bench, cell: Cell, state: CellState) -> None:
        self.bench, self.cell, self.state = bench, cell, state
        self.folder = bench.store.cell_folder(state)
        self.settings = bench.settings(cell.topology).model_copy(
            update={"reports_dir": bench.reports}
        )

    @property
    def mark(self) -> str:
        """What the processes of this cell carry in their environment."""
        return f"{self.bench.store.state.cycle}/{self.cell.key}"

    @property
    def inventory(self) -> Path:
        """The inventory that was generated for this cell."""
        return self.folder / "inventory"

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
        network = free_network(
            self.bench.plan.networks, self.bench.taken(), ROUTES.read_text(encoding="ascii")
        )
        self.state.network, self.state.phase = network, "running"
        self.state.attempt += 1
        self.state.parts, self.state.verdict, self.state.reason = [], None, ""
        self.bench.store.save()
        write_inventory(self.folder, self.cell, self.state.cluster, network)

    def _parts(self) -> None:
        provider = self.bench.plan.provider
        up = ["up", "--inventory", str(self.inventory), "--config", str(self._config("up", ""))]
        up += [word for version in self.cell.versions[1:] for word in ("--upgrade-to", version)]
        if (
            self._part("up", "up", up + (["--provider", provider] if provider else [])).result
            != "ok"
        ):
            self._fail(f"the cluster was not made: {self.state.parts[-1].reason}")
            return
        if self.cell.before and not self._drill("before", "before", self.cell.before, ""):
            return
        for target in self.cell.versions[1:]:
            if self.bench.plan.readiness:
                self._readiness(target)
            if not self._drill(f"upgrade to {target}", "upgrade", (self.cell.during,), target):
                return
            if not ALL[self.cell.during].leaves_upgraded:
                break  # refused or taken back: there is no further step to take
        if self.cell.after:
            self._drill("after", "after", self.cell.after, "")

    def _drill(self, name: str, kind: str, drills: tuple[str, ...], target: str) -> bool:
        """Run drills as one run; returns whether there is any use in going on with this cluster."""
        known = set(self._runs())
        config = self._config(kind, target)
        ended = self._part(
            name,
            kind,
            ["drill", *drills, "--inventory", str(self.inventory), "--config", str(config)],
        )
        new = [folder for folder in self._runs() if folder not in known]
        finish_runs(new, self.settings, lambda text: self.bench.tell(self.cell.key, text))
        verdicts = [verdict_of(folder) for folder in new] or [
            (VerdictKind.ABORTED, self.state.parts[-1].reason)
        ]
        part = self.state.parts[-1]
        part.verdict = VerdictKind.worst([kind_ for kind_, _ in verdicts])
        why = "; ".join(reason for _, reason in verdicts if reason)
        if ended.result == "time limit":
            part.verdict, why = VerdictKind.ABORTED, f"{part.reason}{'; ' if why else ''}{why}"
        elif new and ended.code != part.verdict.exit_code:
            contradiction = (
                f"its process {describe_end(ended.code)}, though its runs came to "
                f"{part.verdict.value}, which is exit code {part.verdict.exit_code}"
            )
            part.verdict = VerdictKind.worst([part.verdict, VerdictKind.INCONCLUSIVE])
            why = "; ".join(filter(None, (contradiction, why)))
        part.reason = why
        self.state.runs = [folder.name for folder in self._runs()]
        self.bench.store.save()
        return ended.result != "time limit" and part.verdict is not VerdictKind.ABORTED

    def _readiness(self, target: str) -> None:
        """Record what would stop or hurt the step; the drill goes its way whatever was found."""
        arguments = [
            "readiness",
            "--to",
            target,
            "--inventory",
            str(self.inventory),
            "--output",
            "json",
        ]
        ended = self._part(
            f"readiness to {target}",
            "readiness",
            [*arguments, "--config", str(self._config("up", ""))],
        )
        part = self.state.parts[-1]
        actual = found_in(self.bench.store.folder / part.log)
        if ended.result != "time limit" and ended.code is not None and ended.code < 0:
            part.reason = f"its process {describe_end(ended.code)}"
        if ended.result == "time limit" or ended.code is None or ended.code < 0:
            part.verdict = VerdictKind.INCONCLUSIVE
        elif actual is not None:
            part.result, part.reason = "ok", actual
        self.bench.store.save()

    def _part(self, name: str, kind: str, arguments: list[str]) -> Ended:
        self.check_disk()
        log = self.folder / f"{name.replace(' ', '-')}.{self.state.attempt}.log"
        part = PartState(
            name=name, started=_now(), log=str(log.relative_to(self.bench.store.folder))
        )
        self.state.parts.append(part)
        self.bench.store.save()
        limit = int(getattr(self.bench.plan.limits, kind))
        self.bench.tell(self.cell.key, f"{name} (at most {limit // 60} min)")
        heal_s = self.bench.plan.limits.heal
        with told_when_full(log):
            ended = run_part(
                [*self.bench.program, *arguments], log, mark=self.mark, limit_s=limit, heal_s=heal_s
            )
        part.ended, part.seconds, part.result, part.code = (
            _now(),
            round(ended.seconds, 1),
            ended.result,
            ended.code,
        )
        if ended.result == "time limit":
            part.reason = f"{name} did not end within its limit of {limit} s and was ended"
        elif ended.result == "failed":
            part.reason = ended.words
        self.bench.store.save()
        return ended

    def check_disk(self) -> None:
        """Stop before the disk is full, while there is room to clean up and to say so.

        Raises:
            DiskFull: less is free than the plan wants.
        """
        least = self.bench.plan.min_free_gb
        for place in dict.fromkeys((self.bench.reports, state_folder())):
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
            self.state.reason = "; ".join(reasons) or "every drill passed"
        passed = self.state.verdict is VerdictKind.PASS
        self.bench.store.save()
        if not passed and self.state.parts:
            self._collect()
        if self.bench.plan.keep_on_failure and not passed and self.state.parts:
            self.state.cluster_kept = True
        else:
            self.clean()
        self.state.phase = "done"
        self.bench.store.save()
        self.bench.tell(self.cell.key, f"{self.state.verdict.value}: {self.state.reason}")

    def _collect(self) -> None:
        """Put what explains the failure into one archive, while the cluster still stands."""
        archive = self.folder / "diagnostics.tar.gz"
        arguments = ["diagnostics", "--inventory", str(self.inventory), "--to", str(archive)]
        arguments += ["--config", str(self._config("up", "")), "--also", str(self.folder)]
        arguments += [word for run in self.state.runs for word in ("--run", run)]
        ended = self._part("diagnostics", "diagnostics", arguments)
        if ended.code == SOME_MISSING:
            self.state.parts[-1].result = "ok"
        if archive.exists():
            self.state.diagnostics = str(archive.relative_to(self.bench.store.folder))
            self.bench.store.save()

    def clean(self) -> None:
        """Take the cluster away.

        What is left is in the state, and tried again by the next start.
        """
        part = PartState(name="down", started=_now())
        self.state.parts.append(part)
        self.bench.store.save()
        log = self.folder / f"down.{self.state.attempt}.log"
        ended, left = self._take_away(log)
        part.ended, part.log = _now(), str(log.relative_to(self.bench.store.folder))
        part.seconds, part.result, part.code = (
            (round(ended.seconds, 1), ended.result, ended.code) if ended else (0.0, "ok", None)
        )
        part.reason = f"not taken away: {left}" if left else ""
        self.state.left, self.state.cluster_kept = left, False
        self.bench.store.save()

    def interrupted(self, why: str, attempts: int) -> None:
        """After a kill: judge what was recorded, clean up, and begin the cell anew or give it up.

        A cell that had its verdict keeps it: only taking its cluster away was cut off.
        """
        finish_runs(self._runs(), self.settings, lambda text: self.bench.tell(self.cell.key, text))
        self.state.runs = [folder.name for folder in self._runs()]
        part = next((part for part in self.state.parts if not part.ended), None)
        if part:
            part.ended, part.result = _now(), "interrupted"
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
        self.bench.store.save()

    def _take_away(self, log: Path) -> tuple[Ended | None, str]:
        bench, limit_s = self.bench, self.bench.plan.limits.down
        return take_away(
            self.inventory,
            self.state.cluster,
            log,
            program=bench.program,
            mark=self.mark,
            limit_s=limit_s,
        )

    def _fail(self, reason: str) -> None:
        self.state.verdict, self.state.reason = VerdictKind.ABORTED, reason

    def _runs(self) -> list[Path]:
        return runs_of(self.state.cluster, self.bench.reports, self.bench.store.state.cycle)

    def _config(self, kind: str, target: str) -> Path:
        """The part's own configuration: that of the topology, with the version to upgrade to."""
        path = self.folder / f"config-{kind}{f'-{target}' if target else ''}.yml"
        settings = self.settings.model_copy(update={"upgrade_to": target})
        write_whole(path, yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))
        return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
