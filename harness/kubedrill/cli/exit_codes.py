"""How each command ends: the one table of exit statuses, which docs/reference/exit-codes.md shows.

2 and 4 mean the same everywhere. 1 and 3 are what a command found out, so a command that judges
never ends with them for an error: what could not be asked is no FAIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubedrill.base.errors import KubedrillError

USAGE = 2
STOPPED = 4

ALWAYS = {
    USAGE: "usage: nothing was touched",
    STOPPED: "stopped, unsafe, or the cluster could not be asked",
}

_VERDICT = {0: "PASS", 1: "FAIL", 3: "INCONCLUSIVE", 4: "ABORTED"}
_DONE = {0: "done", 1: "a step failed, or a deadline passed"}

COMMANDS: dict[str, dict[int, str]] = {
    **dict.fromkeys(("drill", "replay", "report", "nightly", "app load", "app traffic"), _VERDICT),
    "readiness": {0: "ready", 1: "there are blockers", 3: "something could not be found out"},
    "heal": {0: "nothing is left", 1: "something is left"},
    "history trends": {0: "nothing got worse", 1: "something got worse"},
    "backup verify": {0: "it is proven", 1: "it does not hold what its manifest says"},
    "app status": {0: "it is complete", 1: "it is not deployed, or not complete"},
    "doctor": {0: "nothing is missing", 2: "something is missing"},
    "diagnostics": {**_DONE, 3: "some of it could not be read: MISSING.txt lists it"},
}
"""Commands whose status says more than done or not, by their words after ``kubedrill``."""

OTHERS = _DONE
"""All other commands."""


def meanings(command: str) -> dict[int, str]:
    """Return what the statuses of a command mean.

    >>> meanings("drill")[4], meanings("up")[0]
    ('ABORTED', 'done')
    """
    return dict(sorted({**ALWAYS, **COMMANDS.get(command, OTHERS)}.items()))


def status_of(error: KubedrillError) -> int:
    """Return how the command ends that an error ended."""
    judges = error.command in COMMANDS and COMMANDS[error.command].get(1) != OTHERS[1]
    return STOPPED if error.exit_code == 1 and judges else error.exit_code
