"""Measure the verdict and the report of ten million samples, in seconds of a core.

Then the attribution of 2,000 failures to 20 tasks on 1,000 nodes.

Writes a record of 12 probes at 10 Hz (0.95 GB), then reads, judges and reports it in a process of
its own and opens the page in Chromium. Exits with 1 when reading and judging took more than 10 s of
a core: seconds of a core, because other work on the host would count in seconds of a clock.

    .venv/bin/python -m benchmarks.verdict [--samples 10000000]
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "records"))

from long_record import long_record, write_long
from playwright.sync_api import sync_playwright

from kubedrill.base.model import NS, Sample, Span
from kubedrill.record import read_record
from kubedrill.report import write_report
from kubedrill.verdict import judge
from kubedrill.verdict.attribution import Steps

PROBES = 12
LIMIT_S = 10.0


def measure(path: Path) -> int:
    """Read, judge and report a record, and print what each took."""
    times = [time.process_time()]
    record = read_record(path)
    times.append(time.process_time())
    verdict = judge(record)
    times.append(time.process_time())
    page = write_report(path.parent / "run", [record], [verdict], not_run={})
    times.append(time.process_time())
    reading, judging, reporting = (after - before for before, after in pairwise(times))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{len(record.samples):,} samples, {path.stat().st_size / 1e9:.2f} GB: {verdict.verdict}, "
        f"{verdict.reason}"
    )
    print(
        f"reading {reading:.1f} s, judging {judging:.1f} s, report {reporting:.1f} s of a core; "
        f"{memory:.2f} GB"
    )
    print(f"page: {page.stat().st_size / 1e6:.2f} MB, {opening(page)}")
    print(f"verdict: {reading + judging:.1f} s of {LIMIT_S:g} s")
    return 0 if reading + judging <= LIMIT_S else 1


def measure_attribution(nodes: int = 1000, tasks: int = 20, failures: int = 2000) -> None:
    """Lay failures of a second each to the tasks that ran, each begun on all nodes in a second."""
    rng = random.Random(1)  # noqa: S311 - made-up spans
    spans = [
        Span("ansible", f"n{node}", f"task {task}", round(start * NS), round((start + 8) * NS))
        for task in range(tasks)
        for node in range(nodes)
        for start in [task * 10 + rng.random()]
    ]
    step = tasks * 10 * NS // failures
    failed = [
        Sample("api", 0, n * step, n * step, n * step + NS, "timeout") for n in range(failures)
    ]
    begin = time.process_time()
    Steps(spans, (tasks + 1) * 10 * NS).count(failed)
    print(f"attribution: {time.process_time() - begin:.1f} s, {nodes:,} nodes x {tasks} tasks")


def opening(path: Path) -> str:
    """How long Chromium takes from nothing to the first timeline.

    On the clock, and of a core in its main thread.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        return "not opened: found no chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        session = page.context.new_cdp_session(page)
        session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        session.send("Performance.enable")
        page.goto(path.absolute().as_uri())
        page.wait_for_function("() => document.querySelector('.timeline').dataset.to")
        shown = page.evaluate("() => performance.now()") / 1000
        result = {
            one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]
        }
        browser.close()
    return f"opened in {shown:.2f} s, {result['TaskDuration']:.2f} s of a core"


def main() -> int:
    """Write the record, or measure one that is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--record", type=Path, help="measure this one")
    args = parser.parse_args()
    if args.record:
        return measure(args.record)
    with tempfile.TemporaryDirectory(prefix="kubedrill-bench-") as folder:
        ticks = args.samples // PROBES
        middle = ticks // 2
        record = long_record(ticks, PROBES, {"api-write": [*range(100, 115)], "app-3": [middle]})
        path = write_long(record, Path(folder) / "record.jsonl")
        del record
        command = [sys.executable, "-m", "benchmarks.verdict", "--record", str(path)]
        status = subprocess.run(command, check=False).returncode
    measure_attribution()
    return status


if __name__ == "__main__":
    sys.exit(main())
