"""What a mutant is, and how each is judged.

Written as a run's folder, read back, judged, as a user's run is.

A mutant's docstring says in one sentence what is broken. Its decorator says what the harness must
call it, and why.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

sys.path.insert(0, str(Path(__file__).parents[1] / "records"))

from recordkit import APP, CONTROL, DNS, WRITE, Kit, write

from kubedrill.base.errors import UsageError
from kubedrill.base.model import Check, Leaves
from kubedrill.base.plan import PLAN_FILE, RunPlan, write_plan
from kubedrill.base.results import VerdictKind
from kubedrill.history.read import read_document
from kubedrill.record import read_run
from kubedrill.report import rebuild_report, write_report
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.base.model import Record


class Called(StrEnum):
    """What the harness can call a run. REFUSED is exit code 2: the file is no record of one run."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ABORTED = "ABORTED"
    REFUSED = "refused"


@dataclass(frozen=True)
class Mutant:
    """Something broken, and what it must be called.

    ``reason`` stands in the verdict's one sentence.
    """

    name: str
    group: str
    broken: str
    called: Called
    reason: str
    make: Callable[[Path], None]


class Recorded(Protocol):
    """What a record is made of."""

    def record(self) -> Record:
        """The record."""
        ...


MUTANTS: dict[str, Mutant] = {}
Lines = list[list[Any]]


def on_record(called: Called, reason: str) -> Callable[[Callable[[Kit], Recorded | None]], None]:
    """Decorate a function that breaks a healthy record; it may return another one instead."""

    def decorate(change: Callable[[Kit], Recorded | None]) -> None:
        def make(directory: Path) -> None:
            kit = healthy()
            write((change(kit) or kit).record(), directory / "record" / "failover-vip.jsonl")

        _add(change, called, reason, make)

    return decorate


def on_lines(called: Called, reason: str) -> Callable[[Callable[[Lines], Lines]], None]:
    """Decorate a function that breaks the lines of a healthy record's file."""

    def decorate(change: Callable[[Lines], Lines]) -> None:
        def make(directory: Path) -> None:
            path = write(healthy().record(), directory / "record" / "failover-vip.jsonl")
            lines = change([json.loads(line) for line in path.read_text().splitlines()])
            path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

        _add(change, called, reason, make)

    return decorate


def on_folder(called: Called, reason: str) -> Callable[[Callable[[Path], None]], None]:
    """Decorate a function that makes a run's folder of its own."""
    return lambda make: _add(make, called, reason, make)


def on_document(called: Called, reason: str) -> Callable[[Callable[[Any], None]], None]:
    """Decorate a function that breaks the document of a good run, of which nothing else is left."""

    def decorate(change: Callable[[Any], None]) -> None:
        def make(directory: Path) -> None:
            document = good_document(directory)
            change(document)
            (directory / "verdict.json").write_text(json.dumps(document))

        _add(change, called, reason, make)

    return decorate


def good_document(directory: Path) -> dict[str, Any]:
    """Write a run whose two drills passed, with one outage each, and give its document alone."""
    check = Check(
        "at the new release", ok=True, actual="v1.36.3", expected="v1.36.3", id="upgraded"
    )
    drills = (
        ("failover-vip", Leaves.UNCHANGED, ()),
        ("cluster-upgrade", Leaves.UPGRADED, (check,)),
    )
    records = []
    for drill, leaves, checks in drills:
        kit = healthy().fail("api-write", 6, 7)
        kit.header = replace(
            kit.header,
            drill=drill,
            leaves=leaves,
            started_mono=kit.header.started_mono + len(records),
        )
        record = kit.record()
        records.append(replace(record, checks=(*record.checks, *checks)))
        write(records[-1], directory / "record" / f"{drill}.jsonl")
    write_report(directory, records, [judge(record) for record in records], not_run={})
    document: dict[str, Any] = json.loads((directory / "verdict.json").read_text())
    shutil.rmtree(directory / "record")
    return document | {"run": "20261121T043000Z-7"}


def healthy(seed: int = 1, limit_s: float = 2.0) -> Kit:
    """A healthy run: four probes for 20 s, a power cut from 5 to 15 s that cost nothing."""
    return Kit(WRITE, APP, DNS, CONTROL, limit_s=limit_s, seed=seed)


def call(directory: Path) -> tuple[Called, str]:
    """What the harness calls the run in a folder, and the reason in one sentence.

    Where the run has a plan or was judged before, as ``kubedrill report`` calls it; where only its
    document is left, as the history does.
    """
    try:
        if not (directory / "record").exists() and (directory / "verdict.json").exists():
            document = read_document(directory)
            reasons = [each.reason for each in (*document.drills, *document.not_run)]
            return Called(document.verdict.value), "; ".join(reasons)
        if (directory / PLAN_FILE).exists() or (directory / "verdict.json").exists():
            run = rebuild_report(directory)
            reasons = [v.reason for v in run.verdicts if v.verdict is run.verdict]
            return Called(run.verdict.value), "; ".join([*reasons, *run.missing.values()])
        verdicts = [judge(record) for record in read_run(directory)]
    except UsageError as error:
        return Called.REFUSED, str(error)
    worst = VerdictKind.worst(one.verdict for one in verdicts)
    return Called(worst.value), next(v.reason for v in verdicts if v.verdict is worst)


def planned(directory: Path, *drills: str) -> list[Record]:
    """Write the plan of a run and the record of each drill, which passed, and give them."""
    header = healthy().header
    plan = RunPlan(
        run=header.run,
        cluster=header.cluster,
        seed=header.seed,
        drills=list(drills),
        tool_version=header.tool_version,
        config_sha256="",
    )
    write_plan(directory, plan)
    records = []
    for drill in drills:
        kit = healthy()
        kit.header = replace(kit.header, drill=drill)
        records.append(kit.record())
        write(records[-1], directory / "record" / f"{drill}.jsonl")
    return records


def reported(directory: Path, *drills: str) -> None:
    """Write a run with its plan, its records and its report."""
    records = planned(directory, *drills)
    write_report(directory, records, [judge(record) for record in records], not_run={})


def _add(
    function: Callable[..., Any], called: Called, reason: str, make: Callable[[Path], None]
) -> None:
    name = function.__name__.replace("_", "-")
    assert name not in MUTANTS, f"two mutants are named {name}"
    broken = " ".join((function.__doc__ or "").split())
    group = function.__module__.removesuffix("_mutants")
    MUTANTS[name] = Mutant(name, group, broken, called, reason, make)
