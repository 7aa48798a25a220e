"""Compares what a run's folder holds with the run's plan, and its records with their seals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import UsageError
from kubedrill.base.files import sha256_of
from kubedrill.base.results import Finding, VerdictKind
from kubedrill.base.strict_json import load_json
from kubedrill.record import read_record, read_run
from kubedrill.report.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kubedrill.base.model import Record
    from kubedrill.base.plan import RunPlan
    from kubedrill.base.results import DrillVerdict


@dataclass(frozen=True)
class Earlier:
    """What an earlier report of the same run says and its records do not."""

    exists: bool
    not_run: dict[str, str]
    interrupted: bool
    missing: tuple[str, ...]  # drills without a record that could be used
    judged: dict[str, str]  # drill → its verdict
    seals: dict[str, str]  # drill → digest of its record


def read_earlier(run_dir: Path) -> Earlier:
    """Read verdict.json of a run, which may not be there.

    Raises UsageError when it is there but is not one of kubedrill's.
    """
    path = run_dir / "verdict.json"
    try:
        data: dict[str, Any] = load_json(path.read_text(encoding="utf-8"))
        missed = [each for each in data["not_run"] if not each.get("missing", False)]
        missing = [each for each in data["not_run"] if each.get("missing", False)]
        drills = data.get("drills", [])
        return Earlier(
            exists=True,
            not_run={each["name"]: each["reason"] for each in missed},
            interrupted=data.get("interrupted", False) is True,
            missing=tuple(each["name"] for each in missing),
            judged={each["name"]: each["verdict"] for each in drills},
            seals={each["name"]: each.get("record_sha256", "") for each in drills},
        )
    except FileNotFoundError:
        return Earlier(False, {}, False, (), {}, {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: found something else, expected the verdict.json of a run ({error}). "
            "Move it away; it is made again from the record."
        ) from error


def read_records(run_dir: Path, plan: RunPlan | None) -> tuple[list[Record], dict[str, str]]:
    """Read the records of a run, and say of which drills they cannot be used, and why.

    Raises UsageError as :func:`read_run` does where the run has no plan: then nothing tells which
    records there should be.
    """
    if plan is None:
        return read_run(run_dir), {}
    records: list[Record] = []
    unusable: dict[str, str] = {}
    for path in sorted(run_dir.glob("record/*.jsonl")):
        try:
            record = read_record(path)
        except (UsageError, OSError) as error:
            unusable[path.stem] = f"its record cannot be read: {error}"
            continue
        if record.header.drill == path.stem:
            records.append(record)
        else:
            unusable[path.stem] = f"{path.name} is the record of drill {record.header.drill}"
    return sorted(records, key=lambda record: record.header.started_mono), unusable


def compare(  # noqa: PLR0913 - each is named by the caller
    run_dir: Path,
    plan: RunPlan | None,
    judged: Sequence[tuple[Record, DrillVerdict]],
    *,
    not_run: Mapping[str, str] | None,
    unusable: Mapping[str, str],
    interrupted: bool | None,
) -> Run:
    """Make the run of its records and verdicts, with all that the plan asked for beside.

    ``not_run`` and ``interrupted`` None: as an earlier report of this run says.
    """
    earlier = read_earlier(run_dir)
    missed = earlier.not_run if not_run is None else dict(not_run)
    stopped = earlier.interrupted if interrupted is None else interrupted
    missing = dict(unusable)
    if plan is not None:
        for record, _ in judged:
            if why := _foreign(record, plan):
                missing[record.header.drill] = why
        judged = [pair for pair in judged if pair[0].header.drill not in missing]
    present = {record.header.drill for record, _ in judged}
    # what was judged before was asked for, whatever a plan that was changed since says; a run of
    # before 0.2, or whose plan is lost, for what was missing as well
    asked = [*earlier.judged, *(plan.drills if plan else earlier.missing)]
    missing |= {
        name: _why_missing(earlier.judged.get(name), interrupted=stopped)
        for name in dict.fromkeys(asked)
        if name not in present | missed.keys() | missing.keys()
    }
    names = [record.header.drill for record, _ in judged]
    return Run(
        run_dir.name,
        tuple(record for record, _ in judged),
        tuple(
            _against_plan(plan, record, _against_seal(run_dir, record, verdict, earlier, plan))
            for record, verdict in judged
        ),
        {name: reason for name, reason in missed.items() if name not in missing},
        missing,
        stopped,
        plan,
        # the digests of the first report stay
        {n: earlier.seals.get(n, "") if earlier.exists else _digest(run_dir, n) for n in names},
    )


def _foreign(record: Record, plan: RunPlan) -> str:
    """Why a record in the run's folder is not of this run; "": it is."""
    header = record.header
    if header.drill not in plan.drills:
        return "a record of it is here, though the run was not asked for it"
    for what, actual, expected in (
        ("run", header.run, plan.run),
        ("cluster", header.cluster, plan.cluster),
        ("seed", header.seed, plan.seed),
    ):
        if actual != expected:
            return f"its record is of {what} {actual}, expected {what} {expected}"
    return ""


def _why_missing(verdict: str | None, *, interrupted: bool) -> str:
    if verdict is not None:
        return f"its record was {verdict} and is lost since"
    if interrupted:
        return "it was asked for, and the run was interrupted before it"
    return "it was asked for, and has no record: it was never begun, or the record is lost"


def _against_seal(
    run_dir: Path, record: Record, verdict: DrillVerdict, earlier: Earlier, plan: RunPlan | None
) -> DrillVerdict:
    seal = earlier.seals.get(record.header.drill, "")
    # runs have a plan since records are sealed; that faults state their evidence came later
    is_sealed = any(earlier.seals.values()) or plan is not None or record.header.evidence
    if seal and seal != _digest(run_dir, record.header.drill):
        text = (
            "the record was changed after it was judged first: its SHA-256 is not the one in "
            "verdict.json"
        )
    elif not seal and earlier.exists and is_sealed:
        text = (
            "the record may have been changed after the run was judged first: verdict.json has no "
            "SHA-256 of it, though its kubedrill wrote one"
        )
    else:
        return verdict
    return _doubted(verdict, text)


def _against_plan(plan: RunPlan | None, record: Record, verdict: DrillVerdict) -> DrillVerdict:
    """A baseline is what the plan said before the run began, and nothing else."""
    planned = {
        (each.probes, each.limit_s)
        for each in (plan.baselines if plan else ())
        if each.drill == record.header.drill
    }
    for limit in record.limits:
        if limit.baseline_s is not None and (limit.probes, limit.baseline_s) not in planned:
            text = (
                f"{limit.probes} has a baseline of {limit.baseline_s:g} s, which the run's plan "
                "does not have"
            )
            verdict = _doubted(verdict, text)
    return verdict


def _doubted(verdict: DrillVerdict, text: str) -> DrillVerdict:
    """The same verdict, with something that keeps it from being PASS."""
    passed = verdict.verdict is VerdictKind.PASS
    return replace(
        verdict,
        verdict=VerdictKind.worst([verdict.verdict, VerdictKind.INCONCLUSIVE]),
        reason=text if passed else verdict.reason,
        findings=(*verdict.findings, Finding(VerdictKind.INCONCLUSIVE, text)),
    )


def _digest(run_dir: Path, drill: str) -> str:
    """SHA-256 of a drill's record; empty where there is no such file."""
    try:
        return sha256_of(run_dir / "record" / f"{drill}.jsonl")
    except (OSError, ValueError):
        return ""
