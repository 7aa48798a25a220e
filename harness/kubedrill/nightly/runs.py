"""The runs of a cell: found by their cluster, judged, and put into the history."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.base.plan import read_plan
from kubedrill.base.results import VerdictKind
from kubedrill.base.strict_json import load_json
from kubedrill.history.read import read_document
from kubedrill.history.store import History
from kubedrill.report import rebuild_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubedrill.config import Settings


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


def verdict_of(folder: Path) -> tuple[VerdictKind, str]:
    """A run's verdict, and the reason of the drill that decided it."""
    try:
        run = read_document(folder)
    except UsageError as error:
        return VerdictKind.ABORTED, f"{folder.name} has no verdict ({error})"
    if run.verdict is VerdictKind.PASS:
        return run.verdict, ""
    reasons = [f"{each.name}: {each.reason}" for each in run.drills if each.verdict is run.verdict]
    reasons += [f"{missed.name} was not run: {missed.reason}" for missed in run.not_run]
    return run.verdict, "; ".join(reasons)


def found_in(log: Path) -> str | None:
    """What ``kubedrill readiness --output json`` found, in one sentence.

    None where it said nothing of the kind.
    """
    try:
        text = log.read_text(encoding="utf-8")
        data: dict[str, Any] = load_json(text[text.index("{\n") :])
        serious = [f for f in data["findings"] if f["severity"] in {"blocker", "unknown"}]
        reasons = "; ".join(f"{f['subject']}: {f['found']}" for f in serious)
        return f"{data['verdict']}{f' ({reasons})' if reasons else ''}"
    except (OSError, ValueError, KeyError, TypeError):
        return None
