"""Does a healthy cluster pass the standard drills, time and again?

``benchmarks/standard_drills.py [--runs 10]`` makes new nodes for each run, as ``make drill`` does,
and prints a row for it whatever its verdict is. With ``--print REPORT...`` it prints the rows of
runs that were made already. It needs the local nodes for itself, and leaves those of the last run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.install import INVENTORY, ROOT, TOOLS, run
from kubedrill.base.results import VerdictKind
from kubedrill.history.read import read_document
from kubedrill.verdict.wording import bounds

if TYPE_CHECKING:
    from kubedrill.base.document import DrillEntry, LimitEntry, RunDocument

HEAD = """\
| run | verdict | application: out, failed | API: out, failed | by | upgrade's API: out, failed | \
control p99 |
|---|---|---|---|---|---|---|"""


def worst(drills: list[DrillEntry], part: str) -> tuple[str, LimitEntry | None, int, int]:
    """The drill with the longest outage of what limits of ``part`` cover; failed of requests."""
    pairs = [
        (drill.name, limit)
        for drill in drills
        for limit in drill.predicted
        if limit.probes.startswith(part)
    ]
    name, limit = max(pairs, key=lambda pair: pair[1].measured.longest_s, default=("", None))
    failed = sum(limit.measured.failed for _, limit in pairs)
    return name, limit, failed, sum(limit.measured.requests or 0 for _, limit in pairs)


def cell(limit: LimitEntry | None, failed: int, requests: int) -> str:
    """An outage's bounds, and failed of all requests."""
    if limit is None:
        return "not probed"
    measured = limit.measured
    return f"{bounds(measured.shortest_s, measured.longest_s)}, {failed:,} of {requests:,}"


def row(document: RunDocument) -> str:
    """A run as a line of the table."""
    planned = [drill for drill in document.drills if not drill.name.startswith("failover-")]
    upgrades = [drill for drill in document.drills if drill.name == "cluster-upgrade"]
    app, api, upgrade = worst(planned, "app"), worst(planned, "api"), worst(upgrades, "api")
    control = [drill.control.p99_ms for drill in document.drills if drill.control]
    slowest = max((p99 for p99 in control if p99 is not None), default=None)
    others = ", ".join(
        f"{drill.name} {drill.verdict}" for drill in document.drills if drill.verdict != "PASS"
    )
    cells = [
        f"`{document.run}`",
        f"{document.verdict}{': ' if others else ''}{others}",
        cell(*app[1:]),
        cell(*api[1:]),
        api[0],
        cell(*upgrade[1:]),
        "not measured" if slowest is None else f"{slowest:.1f} ms",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print a row for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--print", type=Path, nargs="+", metavar="REPORT", dest="reports")
    options = parser.parse_args()
    print(HEAD, flush=True)
    for report in options.reports or ():
        print(row(read_document(report)), flush=True)
    for _ in range(0 if options.reports else options.runs):
        run(TOOLS / "kubedrill", "up", "--renew", "--inventory", INVENTORY)
        done = subprocess.run(
            [TOOLS / "kubedrill", "drill", "--inventory", INVENTORY],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,  # the row says what came of it
            check=False,
        )
        if done.returncode not in {kind.exit_code for kind in VerdictKind}:
            sys.exit(f"kubedrill drill ended with {done.returncode}: it made no run")
        print(row(read_document(ROOT / "reports" / "latest")), flush=True)


if __name__ == "__main__":
    main()
