"""The runs of a cell: found by their cluster, judged, and put into the history."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.base.plan import read_plan
from kubedrill.base.results import VerdictKind
from kubedrill.base.strict_json import load_json
from kubedrill.history.read import read_document
from kubedrill.history.store import History
from kubedrill.nightly.parts import describe_end
from kubedrill.report import rebuild_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kubedrill.config import Settings
    from kubedrill.nightly.parts import Ended

_READINESS_CODES = {"ready": 0, "blocked": 1, "unknown": 3}
"""What ``kubedrill readiness`` ends with."""


class RunVerdict(NamedTuple):
    """What one run of a part came to, why, and of which drills it tells anything."""

    verdict: VerdictKind
    reason: str
    drills: frozenset[str]


def runs_of(cluster: str, reports: Path, since: str) -> list[Path]:
    """The folders of a cluster's runs since a cycle began, both named for their time.

    The oldest first.
    """
    since = since.split("-", maxsplit=1)[0]
    folders = sorted(
        path for path in reports.glob("[0-9]*Z-*") if path.name >= since and not path.is_symlink()
    )
    return [folder for folder in folders if _cluster(folder) == cluster]


def _cluster(folder: Path) -> str:
    """What the run's plan says, or else the first line of the first record."""
    with contextlib.suppress(UsageError):
        if plan := read_plan(folder):
            return plan.cluster
    for record in sorted(folder.glob("record/*.jsonl")):
        try:
            with record.open("rb") as file:
                kind, header = load_json(file.readline())
        except (OSError, ValueError, TypeError):
            continue
        if kind == "header":
            return str(header.get("cluster", ""))
    return ""


def finish_runs(folders: list[Path], settings: Settings, tell: Callable[[str], None]) -> None:
    """Judge runs that were cut off before their report, and add all to the history.

    What fails is told, and no more.
    """
    for folder in folders:
        try:
            if not (folder / "verdict.json").exists():
                rebuild_report(folder)
            if settings.history.enabled:
                place = settings.history.database.get_secret_value()
                timeout_s = settings.timeouts.database
                with History.open(place, create=True, timeout_s=timeout_s) as history:
                    history.add([read_document(folder)])
        except (KubedrillError, OSError) as error:
            tell(f"{folder.name} is not in the history: {error}")


def verdict_of(folder: Path) -> RunVerdict:
    """A run's verdict, and the reason of the drill that decided it.

    A verdict that is missing, unreadable or another run's is ABORTED.
    """
    try:
        run = read_document(folder)
    except UsageError as error:
        reason = f"{folder.name} has no verdict ({error})"
        return RunVerdict(VerdictKind.ABORTED, reason, frozenset())
    if run.run != folder.name:
        reason = f"{folder.name} has the verdict of run {run.run}, expected one of its own"
        return RunVerdict(VerdictKind.ABORTED, reason, frozenset())
    reasons = [f"{each.name}: {each.reason}" for each in run.drills if each.verdict is run.verdict]
    reasons += [f"{missed.name} was not run: {missed.reason}" for missed in run.not_run]
    names = frozenset({each.name for each in run.drills} | {each.name for each in run.not_run})
    passed = run.verdict is VerdictKind.PASS
    return RunVerdict(run.verdict, "" if passed else "; ".join(reasons), names)


def judge_part(
    asked: Sequence[str], ended: Ended, runs: Sequence[RunVerdict]
) -> tuple[VerdictKind, str]:
    """The verdict of a part that was to run some drills, and its reason.

    It is the worst of its runs, and PASS only where its process ended as a PASS does and every
    drill that was asked for has a verdict.
    """
    if not runs:
        words = f": {ended.words}" if ended.words else ""
        return VerdictKind.ABORTED, f"its process {describe_end(ended.code)} and left no run{words}"
    worst = VerdictKind.worst(run.verdict for run in runs)
    reasons = [run.reason for run in runs if run.reason]
    doubts = []
    if ended.code != worst.exit_code and ended.result != "time limit":
        doubts.append(
            f"its process {describe_end(ended.code)}, though its runs came to {worst.value}, "
            f"which is exit code {worst.exit_code}"
        )
    known = frozenset[str]().union(*(run.drills for run in runs))
    if missing := [name for name in asked if name not in known]:
        doubts.append(f"no run has a verdict on {', '.join(missing)}")
    verdict = VerdictKind.worst([worst, *(VerdictKind.INCONCLUSIVE for _ in doubts)])
    if ended.result == "time limit":
        verdict = VerdictKind.ABORTED
    return verdict, "; ".join([*doubts, *reasons])


def judge_readiness(ended: Ended, actual: str | None) -> tuple[VerdictKind | None, str]:
    """The verdict of a readiness check, and its reason; None: it says what it found.

    ``actual`` is what it printed, None where that cannot be read.
    """
    if ended.result == "time limit":
        return VerdictKind.INCONCLUSIVE, ""
    verdict = actual.split(" ", 1)[0] if actual else ""
    if ended.code is not None and ended.code == _READINESS_CODES.get(verdict):
        return None, actual or ""
    printed = f"printed {verdict!r}" if actual else f"printed no findings: {ended.words}"
    return VerdictKind.INCONCLUSIVE, f"its process {describe_end(ended.code)} and {printed}"


def found_in(log: Path) -> str | None:
    """What ``kubedrill readiness --output json`` found, in one sentence.

    None where it said nothing of the kind.
    """
    try:
        text = log.read_text(encoding="utf-8")
        data: dict[str, Any] = load_json(text[text.index("{\n") : text.rindex("}") + 1])
        serious = [f for f in data["findings"] if f["severity"] in {"blocker", "unknown"}]
        reasons = "; ".join(f"{f['subject']}: {f['found']}" for f in serious)
        return f"{data['verdict']}{f' ({reasons})' if reasons else ''}"
    except (OSError, ValueError, KeyError, TypeError):
        return None
