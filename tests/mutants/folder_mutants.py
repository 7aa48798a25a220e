"""Folders of a run from which files were lost, or to which some were added."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from effect_mutants import shown
from mutantkit import Called, healthy, on_folder, planned, reported
from recordkit import write

from kubedrill.report import rebuild_report, write_report
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from pathlib import Path

INCONCLUSIVE, FAIL, REFUSED = Called.INCONCLUSIVE, Called.FAIL, Called.REFUSED
PASS = Called.PASS


@on_folder(REFUSED, "expected one run: ")
def old_record_from_another_cluster(directory: Path) -> None:
    """A good record of another cluster was put beside the bad one of this run."""
    write(healthy().fail("api-write", 6, 11).record(), directory / "record" / "failover-vip.jsonl")
    other = healthy()
    other.header = replace(
        other.header, cluster="elsewhere", run="20250101-000000", drill="node-drain"
    )
    write(other.record(), directory / "record" / "node-drain.jsonl")


@on_folder(FAIL, "out for 4.9")
def good_drill_after_a_bad_one(directory: Path) -> None:
    """A later drill passed, which must not hide that an earlier one failed."""
    write(healthy().fail("api-write", 6, 11).record(), directory / "record" / "failover-vip.jsonl")
    later = healthy()
    later.header = replace(
        later.header, drill="node-drain", started_mono=later.header.started_mono + 1
    )
    write(later.record(), directory / "record" / "node-drain.jsonl")


@on_folder(REFUSED, "has no record/*.jsonl")
def no_record_at_all(directory: Path) -> None:
    """The run's folder is empty."""
    shutil.rmtree(directory / "record", ignore_errors=True)


@on_folder(REFUSED, "found an empty file")
def empty_record(directory: Path) -> None:
    """The record is a file of 0 bytes."""
    (directory / "record").mkdir()
    (directory / "record" / "failover-vip.jsonl").touch()


@on_folder(INCONCLUSIVE, "it was asked for, and has no record")
def drill_never_begun(directory: Path) -> None:
    """The harness was killed between two drills, of which the first passed."""
    planned(directory, "failover-vip", "node-drain")
    (directory / "record" / "node-drain.jsonl").unlink()


@on_folder(INCONCLUSIVE, "its record was PASS and is lost since")
def record_compressed_since(directory: Path) -> None:
    """Somebody compressed the record of one of two drills."""
    reported(directory, "failover-vip", "node-drain")
    path = directory / "record" / "node-drain.jsonl"
    path.rename(path.with_suffix(".jsonl.gz"))


@on_folder(INCONCLUSIVE, "its record cannot be read")
def one_of_two_records_damaged(directory: Path) -> None:
    """The record of one of two drills is no record any more."""
    planned(directory, "failover-vip", "node-drain")
    (directory / "record" / "node-drain.jsonl").write_bytes(b"\x00" * 4096)


@on_folder(INCONCLUSIVE, "its record is of run 20250101-000000, expected run 20261121-043000")
def record_of_another_run(directory: Path) -> None:
    """A good record of an earlier run stands where this run's was."""
    _, record = planned(directory, "failover-vip", "node-drain")
    other = replace(record, header=replace(record.header, run="20250101-000000"))
    path = directory / "record" / "node-drain.jsonl"
    path.unlink()
    write(other, path)


@on_folder(INCONCLUSIVE, "node-drain.jsonl is the record of drill failover-vip")
def record_of_another_drill(directory: Path) -> None:
    """The good record of one drill was copied over that of another."""
    planned(directory, "failover-vip", "node-drain")
    folder = directory / "record"
    shutil.copy(folder / "failover-vip.jsonl", folder / "node-drain.jsonl")


@on_folder(INCONCLUSIVE, "the record was changed after it was judged first")
def record_changed_after_the_run(directory: Path) -> None:
    """The failures of a record were edited away once the run had judged it."""
    reported(directory, "failover-vip")
    path = directory / "record" / "failover-vip.jsonl"
    path.write_text(path.read_text().replace('"limit_s":2.0', '"limit_s":20.0'))


@on_folder(INCONCLUSIVE, "verdict.json has no SHA-256 of it, though its kubedrill wrote one")
def seal_taken_off(directory: Path) -> None:
    """A limit was raised in one of two records, and its digest taken out of verdict.json."""
    reported(directory, "failover-vip", "node-drain")
    _raise_limit(directory)
    path = directory / "verdict.json"
    document = json.loads(path.read_text())
    del document["drills"][0]["record_sha256"]
    path.write_text(json.dumps(document))


@on_folder(INCONCLUSIVE, "verdict.json has no SHA-256 of it, though its kubedrill wrote one")
def drill_taken_out_of_the_verdict(directory: Path) -> None:
    """A limit was raised in one of two records, and its drill taken out of verdict.json."""
    reported(directory, "failover-vip", "node-drain")
    _raise_limit(directory)
    path = directory / "verdict.json"
    document = json.loads(path.read_text())
    document["drills"] = document["drills"][1:]
    path.write_text(json.dumps(document))


@on_folder(INCONCLUSIVE, "verdict.json has no SHA-256 of it, though its kubedrill wrote one")
def all_seals_taken_off(directory: Path) -> None:
    """A limit was raised, and every digest taken out of verdict.json."""
    reported(directory, "failover-vip", "node-drain")
    _raise_limit(directory)
    _take_seals_off(directory)


@on_folder(INCONCLUSIVE, "verdict.json has no SHA-256 of it, though its kubedrill wrote one")
def all_seals_and_the_plan_taken_off(directory: Path) -> None:
    """As before, and the plan was removed too, as if an older release had made the run."""
    record = shown(healthy()).record()
    write(record, directory / "record" / "failover-vip.jsonl")
    write_report(directory, [record], [judge(record)], not_run={})
    _raise_limit(directory)
    _take_seals_off(directory)


@on_folder(INCONCLUSIVE, "its record was PASS and is lost since")
def drill_taken_out_of_the_plan(directory: Path) -> None:
    """A drill was taken out of the plan, and its record removed, once the run had judged it."""
    reported(directory, "failover-vip", "node-drain")
    (directory / "record" / "node-drain.jsonl").unlink()
    plan = json.loads((directory / "plan.json").read_text())
    (directory / "plan.json").write_text(json.dumps(plan | {"drills": ["failover-vip"]}))


@on_folder(PASS, "not one request failed")
def old_run_without_seals(directory: Path) -> None:
    """Not broken: a run of an older release, which sealed nothing, was judged before."""
    write(healthy().record(), directory / "record" / "failover-vip.jsonl")
    rebuild_report(directory)
    _take_seals_off(directory)


@on_folder(INCONCLUSIVE, "failover-vip-2.jsonl is the record of drill failover-vip")
def two_records_of_one_drill(directory: Path) -> None:
    """A drill has a second record, and nobody knows which one is the run's."""
    planned(directory, "failover-vip")
    shutil.copy(
        directory / "record" / "failover-vip.jsonl", directory / "record" / "failover-vip-2.jsonl"
    )


@on_folder(REFUSED, "found node-drain.jsonl.gz beside the records, expected records only")
def record_compressed_without_a_plan(directory: Path) -> None:
    """The record of one of two drills was compressed, and no plan asks for it."""
    write(healthy().record(), directory / "record" / "failover-vip.jsonl")
    (directory / "record" / "node-drain.jsonl.gz").write_bytes(b"\x1f\x8b")


def _take_seals_off(directory: Path) -> None:
    path = directory / "verdict.json"
    document = json.loads(path.read_text())
    for drill in document["drills"]:
        drill["record_sha256"] = ""
    path.write_text(json.dumps(document))


def _raise_limit(directory: Path) -> None:
    path = directory / "record" / "failover-vip.jsonl"
    path.write_text(path.read_text().replace('"limit_s":2.0', '"limit_s":20.0'))
