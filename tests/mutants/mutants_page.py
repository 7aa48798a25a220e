"""Writes docs/explanation/mutants.md: ``python tests/mutants/mutants_page.py``.

A test compares it with the definitions.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "live"))

import app_mutants
import cluster_mutants
import drill_mutants
import harness_mutants
import probe_mutants
import record_mutants
from livekit import LIVE
from mutantkit import MUTANTS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "mutants.md"
GROUPS = {
    module.__name__.removesuffix("_mutants"): module
    for module in (probe_mutants, record_mutants, drill_mutants)
}
LIVE_GROUPS = (app_mutants, cluster_mutants, harness_mutants)
HEAD = """\
# Mutants

Each of these is a run with one thing broken. The harness must call it what it is, for the right reason: a mutant is
caught when the verdict **and** the words in the last column are right. `make mutants` runs the first three groups in
seconds, on records that are written to a folder, read back and judged as a user's run is; it prints
`mutants caught N of N`. `refused` is exit code 2: the file is no record of one run. A few are not broken and must PASS:
without them, calling everything broken would win. A healthy run must PASS with 10 of 10 seeds.

This page is made from the definitions in `tests/mutants` by `python tests/mutants/mutants_page.py`; a test keeps the
two the same.
"""

LIVE_HEAD = """\
## On a live cluster

What no record can show is planted on a healthy cluster: `make mutants-live` (`INVENTORY=…`, drills must be allowed
there; 20 minutes for all, `pytest tests/mutants/live --inventory … -k NAME` for one). The drill is run by the
product's own runner. What was planted is taken away again whatever happens, files of nodes also by a timer on the node,
and the cluster has to be healthy before the next one. A drill that cannot be run is *not run*, with the reason, which
counts as INCONCLUSIVE. The last whole run, on 2026-11-22 on three control planes and two workers, caught 15 of 15 in
19 min 40 s.
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for group, module in GROUPS.items():
        title = (module.__doc__ or "").rstrip(".")
        lines += [
            f"## {title}\n",
            "| mutant | what is broken | verdict | because |",
            "|---|---|---|---|",
        ]
        for mutant in (m for m in MUTANTS.values() if m.group == group):
            reason = mutant.reason.replace("|", "\\|").replace("*", "\\*")
            lines.append(
                f"| {mutant.name} | {mutant.broken.replace('|', '/')} | {mutant.called} | … {reason} … |"
            )
        lines.append("")
    lines += [
        LIVE_HEAD,
        "| mutant | what is broken | drill | verdict | because |",
        "|---|---|---|---|---|",
    ]
    for module in LIVE_GROUPS:
        for live in (m for m in LIVE.values() if m.group == module.__name__):
            reason = live.reason.replace("|", "\\|").replace("*", "\\*")
            lines.append(
                f"| {live.name} | {live.broken} | {live.drill} | {live.called} | … {reason} … |"
            )
    lines += [
        "",
        f"{len(MUTANTS)} on records and {len(LIVE)} on a live cluster, {len(MUTANTS) + len(LIVE)} in all.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
