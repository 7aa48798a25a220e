"""A helper process of the harness.

It says when it is ready, ends with the harness, and its death is noticed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from kubedrill.base.errors import DeadlineExceeded, StepFailed

if TYPE_CHECKING:
    from types import TracebackType


class Helper:
    """Runs ``python -m MODULE ARGS`` with a pipe as stdin.

    Its end tells the process that the harness is gone.

    The module is looked for beside this file, not in the package ``harness``, whose imports would
    cost a second and tens of megabytes.
    """

    def __init__(self, module: str, *args: str) -> None:
        self._module, self._args = module, args
        self._process: subprocess.Popen[str] | None = None
        self._first: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        self._threads: list[threading.Thread] = []
        self._death: StepFailed | None = None

    def start(self, seconds: float, setting: str) -> str:
        """Start it and return its first line of output.

        Raises:
            StepFailed: it died; carries its last words.
            DeadlineExceeded: it printed nothing in time.
        """
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", self._module, *self._args]
        # a session of its own: Ctrl-C is for the harness, which heals first and stops its helpers
        # last
        process = self._process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            # -m puts the working directory first on the path of modules: nothing of the user's may
            # hide ours
            cwd="/",
        )
        assert process.stdout is not None  # noqa: S101 - typing aid
        assert process.stderr is not None  # noqa: S101 - typing aid
        self._threads = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in (
                (self._read_out, process.stdout),
                (self._read_errors, process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()
        try:
            line = self._first.get(timeout=seconds)
        except queue.Empty:
            self.kill()
            raise DeadlineExceeded(f"{self._module} to start", seconds, setting) from None
        if not line:
            raise self._dead()
        return line.strip()

    def check(self) -> None:
        """Raise StepFailed when the process died before it was asked to end."""
        if self._death is not None or (
            self._process is not None and self._process.poll() is not None
        ):
            raise self._dead()

    def stop(self, seconds: float) -> None:
        """Ask it to end (by closing its stdin), then kill it.

        Raises StepFailed when it ended badly.
        """
        if self._death is not None:
            raise self._death
        process = self._process
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101 - typing aid
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise StepFailed(
                f"{self._module} did not end within {seconds:g} s and was killed"
            ) from None
        if status:
            raise self._dead()
        self._process = None

    def kill(self) -> None:
        """End it now."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.kill()

    def _read_out(self, stream: IO[str]) -> None:
        self._first.put(stream.readline())
        stream.read()

    def _read_errors(self, stream: IO[str]) -> None:
        for line in stream:
            self._errors = [*self._errors[-20:], line.rstrip()]

    def _dead(self) -> StepFailed:
        if self._death is not None:
            return self._death
        process, self._process = self._process, None
        assert process is not None  # noqa: S101 - typing aid
        status = process.wait()
        for thread in self._threads:
            thread.join(1)
        reason = self._errors[-1] if self._errors else "nothing"
        self._death = StepFailed(
            f"{self._module} died with status {status}; its last words: {reason}"
        )
        return self._death
