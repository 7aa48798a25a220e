"""Runs one part of a cell as a process of its own.

One that hangs can be ended, and the cycle goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from kubedrill.base.files import open_private, replace_file
from kubedrill.base.project import IN_CHECKOUT, PATH_ENTRY
from kubedrill.base.redact import redact
from kubedrill.config import DATABASE_VARIABLE
from kubedrill.nightly.part_log import LAST_LINES_S, start_cleaning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MARK = "KUBEDRILL_NIGHTLY"
"""Name of the variable in the environment of a part's processes that tells which cycle they belong
to."""
_NOT_OURS = ("dockerd", "containerd", "containerd-shim", "docker-proxy")
"""A daemon that a part started serves all clusters of this host, and outlives the part."""
_KILLED_S = 30.0
"""Seconds that the kernel gets to let go of a killed process."""
_LAST_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a part ended. ``result`` is "ok", "failed" or "time limit".

    ``words`` are its last lines.
    """

    result: str
    code: int | None
    seconds: float
    words: str


KUBEDRILL = (sys.executable, "-m", "kubedrill.cli")
"""The command line of this very kubedrill."""


def run_part(  # noqa: PLR0913 - each is named by the caller
    argv: Sequence[str],
    log: Path,
    *,
    mark: str,
    limit_s: float,
    heal_s: float,
    database: str = "",
) -> Ended:
    """Run a command, its output in ``log``, without secrets from its first line on.

    After ``limit_s`` it is asked to end, after ``heal_s`` more it is killed.

    A kubedrill that is asked to end (SIGINT) heals what it broke first. When this process is
    interrupted itself, the part is ended in the same way. One that cannot be started at all has
    failed, without a status.
    """
    shared = {**os.environ, "PYTHONPATH": _python_path()}
    environment = {**shared, MARK: mark, "PYTHONUNBUFFERED": "1", "COLUMNS": "160"}
    if database:
        environment[DATABASE_VARIABLE] = database
    started = time.monotonic()
    with open_private(log, append=True) as output:
        cleaner, pipe = start_cleaning(output, shared)
    process, words = None, ""
    try:
        process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
    except OSError as error:
        words = f"{argv[0]} could not be started: {error.strerror}"
    finally:
        os.close(pipe)
    if process is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            cleaner.wait(LAST_LINES_S)
        return Ended("failed", None, 0.0, words)
    try:
        code: int | None = process.wait(limit_s)
        result = "ok" if code == 0 else "failed"
    except subprocess.TimeoutExpired:
        result, code = "time limit", _end(process, mark, heal_s)
    except BaseException:
        _end(process, mark, heal_s)
        raise
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            cleaner.wait(LAST_LINES_S)
        redact_log(log)
    return Ended(result, code, time.monotonic() - started, last_words(log))


def redact_log(log: Path) -> None:
    """Take secrets out of a part's whole output, those too that its later lines tell of.

    kubedrill prints none; Ansible, Vagrant and Docker, whose output is in it too, may.
    """
    with contextlib.suppress(FileNotFoundError):
        text = log.read_text(encoding="utf-8", errors="replace")
        cleaned = redact(text)
        if cleaned != text:
            replace_file(log, cleaned)


def describe_end(code: int | None) -> str:
    """How a process ended, by its status.

    >>> describe_end(1), describe_end(-9), describe_end(None)
    ('ended with exit code 1', 'was killed by SIGKILL', 'did not end')
    """
    if code is None:
        return "did not end"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _python_path() -> str:
    """A checkout first, wherever the part is run; an installed kubedrill is found as it is."""
    checkout = str(PATH_ENTRY) if IN_CHECKOUT else ""
    return os.pathsep.join(filter(None, [checkout, os.environ.get("PYTHONPATH", "")]))


def _end(process: subprocess.Popen[bytes], mark: str, heal_s: float) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(heal_s)
    end_marked(mark)
    return process.poll()


def end_marked(mark: str, heal_s: float = 0.0) -> int:
    """End all processes of a part or of a cycle, wherever they came to stand.

    Returns how many there were.

    With ``heal_s`` they are asked first and get as long to heal. Daemons that serve other clusters
    too are left alone.
    """
    processes = _marked(mark)
    if heal_s:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGINT)
        psutil.wait_procs(processes, timeout=heal_s)
    deadline = time.monotonic() + _KILLED_S
    while left := _marked(mark):
        if (
            time.monotonic() > deadline
        ):  # the kernel does not let go of them: a hanging disk or network mount
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)
    return len(processes)


def _marked(mark: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _belongs(process, mark)]


def _belongs(process: psutil.Process, mark: str) -> bool:
    try:
        value = process.environ().get(MARK, "")
        name = process.name()
        alive = process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
    return (
        alive
        and name not in _NOT_OURS
        and process.pid != os.getpid()
        and (value == mark or value.startswith(f"{mark}/"))
    )


def last_words(log: Path, lines: int = 6) -> str:
    """The last lines of a log, for people."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LAST_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])
