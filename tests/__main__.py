"""What ``make test`` runs.

Style, units and the report in a browser, then a real cluster from nothing to reset, and one on
machines of other systems.

On the cluster each family of faults is drilled once, and each of the four verdicts is seen: what
should pass does, and the live mutants of :data:`VERDICTS` are called FAIL, INCONCLUSIVE and
ABORTED.

``--all`` (``make test-all``) runs every drill, the game day among them, and every live mutant on
that cluster, and five machines of other systems instead of two: hours instead of minutes. Every
reader of files is fed with mutated documents for ten minutes. A drill that this host cannot make is
shown as skipped, with the reason.

Each stage prints its own runner's summary. A stage that fails ends the run; the nodes are always
taken down.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from kubedrill.drills import STANDARD
from kubedrill.local.cleanup import remove_nodes
from kubedrill.local.docker_daemon import ensure_daemon

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
INVENTORY = "inventories/local"

STAGE_S = 2700.0
"""Seconds that one stage may take: three times what the longest one, the bundles' first build, was
measured to take."""

EVERY_DRILL_S = 21_600.0
"""Seconds that every drill together may take: nearly three times the two hours that `kubedrill
list` says."""

FIELD_S = 9000.0
"""Seconds for the machines of other systems: the sum of what their parts were measured to take, and
the same again."""

FUZZ_S = "600"
"""Seconds for which tests/doors/test_fuzz.py feeds the readers with ``--all``; else it takes 8."""

FAMILIES = (
    "pod-killed",
    "keepalived-killed",
    "network-dns-cut",
    "descriptors-apiserver",
    "token-expired",
    "etcd-member-replaced",
)
"""A drill of each family that the standard ones leave out: pods, services, network, resources, time
and trust, etcd."""

VERDICTS = ("no-disruption-budget", "one-replica", "second-drill-at-once")
"""Live mutants that the harness must call FAIL, INCONCLUSIVE and ABORTED; `make mutants-live` runs
all."""

DRILLS = [
    *STANDARD[:-1],
    *FAMILIES,
    STANDARD[-1],
]  # the upgrade last: after it the cluster is another

_LIVE_MUTANTS = "tests/mutants/live/test_live.py"
EVERY_MUTANT = ["pytest", "-v", _LIVE_MUTANTS, "--inventory", INVENTORY]
_NAMED = [f"{_LIVE_MUTANTS}::test_live_mutant[{name}]" for name in VERDICTS]
MUTANTS = ["pytest", "-v", *_NAMED, "--inventory", INVENTORY]
ACCEPTANCE = ["pytest", "-v", "tests/acceptance", "--inventory", INVENTORY]
FIELD = ["pytest", "-v", "tests/field", "--park"]
CHOSEN = [*ACCEPTANCE, "--drills", ",".join(DRILLS)]

SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("benchmarks", "deploy", "harness", "roles")
    for path in (ROOT / folder).rglob("*.sh")
)

STYLE = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["lint-imports"],
    *([["shellcheck", *SCRIPTS]] if platform.machine() == "x86_64" else []),  # as its wheels are
    ["yamllint", "--strict", "."],
    ["ansible-lint", "--offline", "--profile", "production"],
    ["mkdocs", "build", "--quiet", "--strict"],
]
QUICK_FOLDERS = ["tests/unit/orders", "tests/unit", "tests/doors", "tests/mutants", "tests/browser"]
"""What takes longest on one worker begins first, so that the others need not wait for it in the
end. The browser comes last: Playwright leaves an event loop running in its worker, where asyncio's
tests cannot start theirs."""

# Four at a time also on two processors: many wait for servers that they start.
QUICK = [["pytest", "-q", "-n", "4", "--dist", "loadgroup", *QUICK_FOLDERS]]
LIVE = [
    ["kubedrill", "bundle", "build"],
    ["kubedrill", "bundle", "build", "--tools"],
    [
        "pytest",
        "-v",
        "tests/roles/test_preflight.py",
        "tests/roles/test_upstream_bundle.py",
        "tests/unit/apps/test_chart.py",
    ],
    ["pytest", "-v", "tests/roles/test_install.py", "--inventory", INVENTORY],
    [
        "pytest",
        "-v",
        "tests/roles/test_upgrade_refusals.py",
        "tests/roles/test_readiness.py",
        "--inventory",
        INVENTORY,
    ],
    MUTANTS,
    CHOSEN,
    ["pytest", "-v", "tests/roles/test_reset.py", "--inventory", INVENTORY],
    [*FIELD, "short"],
]


def live(*, every_drill: bool) -> list[tuple[list[str], float]]:
    """What is run on the cluster, in order, each with the seconds that it may take."""
    stages = [(stage, STAGE_S) for stage in LIVE]
    if every_drill:
        stages[LIVE.index(MUTANTS)] = (EVERY_MUTANT, STAGE_S)
        stages[LIVE.index(CHOSEN)] = ([*ACCEPTANCE, "--drills", "all"], EVERY_DRILL_S)
        stages[-1] = ([*FIELD, "whole"], FIELD_S)
    return stages


def run(command: list[str], seconds: float = STAGE_S, output: IO[str] | None = None) -> bool:
    """Run one stage with its output as it comes, or into a file; tell whether it passed."""
    print(f"\n==> {' '.join(command)}", file=output, flush=True)
    started = time.monotonic()
    program = [TOOLS / command[0], *command[1:]]
    try:
        done = subprocess.run(
            program, cwd=ROOT, check=False, timeout=seconds, stdout=output, stderr=output
        )
        ended = "ok" if done.returncode == 0 else f"failed ({done.returncode})"
    except subprocess.TimeoutExpired:
        ended = "hung and was killed"
    print(
        f"<== {command[0]}: {ended} in {time.monotonic() - started:.0f} s", file=output, flush=True
    )
    return ended == "ok"


def side_by_side(commands: list[list[str]]) -> bool:
    """Run stages that use one processor each.

    Their output comes in order when the one before has ended.
    """

    def into_file(command: list[str]) -> tuple[bool, str]:
        with TemporaryFile("w+", encoding="utf-8") as output:
            passed = run(command, output=output)
            output.seek(0)
            return passed, output.read()

    passed = True
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for ok, output in pool.map(into_file, commands):
            print(output, end="", flush=True)
            passed = passed and ok
    return passed


def main(argv: list[str]) -> int:
    """Run all stages in order."""
    if argv not in ([], ["--all"]):
        print(f"found {' '.join(argv)!r}, expected nothing or --all", file=sys.stderr)
        return 2
    started = time.monotonic()
    if argv:
        os.environ["KUBEDRILL_FUZZ_S"] = FUZZ_S
    passed = side_by_side(STYLE) and all(run(command) for command in QUICK)
    if passed:
        # An earlier run may have ended without taking its nodes along, and its checkout may be
        # gone. Docker knows them, once its daemon runs again.
        ensure_daemon()
        print(
            "".join(f"removed {line} of an earlier run\n" for line in remove_nodes()),
            end="",
            flush=True,
        )
        try:
            passed = all(run(command, seconds) for command, seconds in live(every_drill=bool(argv)))
        finally:
            passed = run(["kubedrill", "down"]) and passed
    target = "make test-all" if argv else "make test"
    print(
        f"\n{target}: {'passed' if passed else 'FAILED'} "
        f"in {(time.monotonic() - started) / 60:.1f} min",
        flush=True,
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
