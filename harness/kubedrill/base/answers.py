"""Asks a program of this host and takes no answer for an answer too."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def answer_of(
    *argv: str, seconds: float = 30.0, stdin: str = "", env: Mapping[str, str] | None = None
) -> str | None:
    r"""Return what a program printed; None where it does not run, fails or takes longer.

    >>> answer_of("echo", "yes"), answer_of("false"), answer_of("/no/such/program")
    ('yes\n', None, None)
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=env,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
