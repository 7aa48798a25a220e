"""Runs the programs that build parts, and ends them all when the build is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING

from kubedrill.bundle.errors import BuildFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# Lines of a failed program's output that its error shows.
_LAST_WORDS = 15
# Seconds that a program has to clean up after SIGTERM (mmdebstrap unmounts and removes its work)
# before SIGKILL.
_GRACE_S = 10.0


class Stopped(Exception):
    """The build was interrupted while or before this program ran."""


class Processes:
    """The running children of one build.

    ``environment`` is what all of them are given beside the user's own.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(environment or {})
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self,
        what: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> str:
        """Run a program to its end and return what it printed (both streams).

        Raises:
            BuildFailed: it could not be started or ended with an error; carries the program's last
                lines.
            Stopped: the build was interrupted.
        """
        child = self._start(what, argv, env, cwd)
        lines: list[str] = []
        with child:
            for line in child.stdout or ():
                lines.append(line)
                if on_line:
                    on_line(line.rstrip())
        with self._lock:
            self._running.discard(child)
        self.check(what)
        if child.returncode != 0:
            last = "".join(deque(lines, _LAST_WORDS)).rstrip() or "(it printed nothing)"
            raise BuildFailed(
                f"{what} failed: {argv[0]} ended with code {child.returncode} and said:\n{last}"
            )
        return "".join(lines)

    def _start(
        self, what: str, argv: Sequence[str | Path], env: Mapping[str, str] | None, cwd: Path | None
    ) -> subprocess.Popen[str]:
        with self._lock:
            self.check(what)
            try:
                child = subprocess.Popen(
                    [str(a) for a in argv],
                    env={**os.environ, **self._environment, **(env or {})},
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # its own group, so that its children end with it
                )
            except OSError as error:
                raise BuildFailed(
                    f"{what} failed: {argv[0]} could not be started: {error}"
                ) from error
            self._running.add(child)
            return child

    def check(self, what: str) -> None:
        """Raise Stopped once the build was interrupted: for long work that is no program."""
        if self._stopped:
            raise Stopped(what)

    def stop(self) -> None:
        """End all children, politely first; no further one can be started."""
        with self._lock:
            self._stopped = True
            children = list(self._running)
        for child in children:
            _signal_group(child, signal.SIGTERM)
        for child in children:
            try:
                child.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                _signal_group(child, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return
