"""Writes a run's report files, each in one step so that a reader never sees half of one."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from kubedrill.base.errors import UsageError
from kubedrill.base.files import make_private_folder, replace_file
from kubedrill.base.plan import read_plan
from kubedrill.base.redact import redact_value
from kubedrill.report.ansible_log import read_logs
from kubedrill.report.compare import compare, read_earlier, read_records
from kubedrill.report.document import make_document
from kubedrill.report.junit import junit_xml
from kubedrill.report.page import DRILLS, described_drills, drill_html, log_html, page_html
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kubedrill.base.model import Record
    from kubedrill.base.results import DrillVerdict
    from kubedrill.report.run import Run


def write_report(
    run_dir: Path,
    records: Sequence[Record],
    verdicts: Sequence[DrillVerdict],
    *,
    not_run: Mapping[str, str] | None = None,
) -> Path:
    """Write verdict.json, junit.xml, logs/ and index.html, and point ``latest`` there.

    ``verdicts`` stand in the order of ``records``. ``not_run`` gives the reason for each drill that
    could not be run on this cluster; without it, what an earlier report of this run said is kept.
    Returns the path of index.html.
    """
    judged = list(zip(records, verdicts, strict=True))
    plan = read_plan(run_dir)
    run = compare(run_dir, plan, judged, not_run=not_run, unusable={}, interrupted=None)
    write_files(run_dir, run)
    return run_dir / "index.html"


def rebuild_report(run_dir: Path, *, point_latest: bool = True) -> Run:
    """Judge the records of a run again and write its report, offline; returns the run.

    Without ``point_latest`` nothing is written beside the run's folder.

    Raises UsageError when there is no record to judge, or what is there is not of a run.
    """
    plan = read_plan(run_dir)
    records, unusable = read_records(run_dir, plan)
    judged = [(record, judge(record)) for record in records]
    run = compare(run_dir, plan, judged, not_run=None, unusable=unusable, interrupted=None)
    write_files(run_dir, run, point_latest=point_latest)
    return run


def write_files(run_dir: Path, run: Run, *, point_latest: bool = True) -> None:
    """Write the files of a report, and point ``latest`` there unless that is not wanted."""
    make_private_folder(run_dir)
    # records and verdicts are without secrets since they were read; reasons come from elsewhere too
    run = replace(run, not_run=redact_value(run.not_run), missing=redact_value(dict(run.missing)))
    replace_file(run_dir / "verdict.json", make_document(run).model_dump_json(indent=2) + "\n")
    replace_file(run_dir / "junit.xml", junit_xml(run))
    names = [record.header.drill for record in run.records]
    logs = {name: read_logs(run_dir, name) for name in names}
    for number, drill_logs in enumerate(logs.values(), 1):
        for log in drill_logs:
            make_private_folder((run_dir / log.page).parent)
            replace_file(run_dir / log.page, log_html(run.name, number, log))
    for name in described_drills().keys() & logs.keys():
        about = run_dir / DRILLS / f"{name}.html"
        make_private_folder(about.parent)
        replace_file(about, drill_html(name))
    replace_file(run_dir / "index.html", page_html(run, logs))
    if point_latest:
        _point_latest(run_dir)


def read_not_run(run_dir: Path) -> dict[str, str]:
    """The drills that an earlier report of this run listed as not run, with their reasons.

    Empty without a report.

    Raises UsageError when verdict.json is there but is not one of kubedrill's.
    """
    return read_earlier(run_dir).not_run


def _point_latest(run_dir: Path) -> None:
    """Make ``latest`` point to the newest run.

    An older run that is rebuilt does not take it away.
    """
    latest = run_dir.parent / "latest"
    if latest.is_symlink() and latest.exists() and latest.resolve().name > run_dir.resolve().name:
        return
    if latest.exists() and not latest.is_symlink():
        raise UsageError(
            f"{latest}: found a file or folder, expected the link that kubedrill makes. Move it "
            f"away."
        )
    temporary = latest.with_name(f".latest.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run_dir.name)
    temporary.replace(latest)
