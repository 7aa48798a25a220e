"""Run an Ansible playbook as a child process and report its tasks while they run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from kubedrill.base.errors import DeadlineExceeded, StepFailed, UsageError
from kubedrill.base.files import replace_file
from kubedrill.base.project import PLAYBOOKS, state_folder
from kubedrill.base.redact import redact
from kubedrill.cluster.ansible_vars import ansible_environment, ansible_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedrill.cluster.inventory import Inventory

CANCEL_S = 30.0
"""Seconds that an interrupted playbook has to end its task before it is killed (timeouts.cancel's
default)."""
MARK = "KUBEDRILL_PLAYBOOK"
"""Name of the variable in the environment of a playbook's processes that tells which run they
belong to."""
NICENESS = 10
"""Of 19: a tenth of the weight of a process that does not yield (the kernel's sched_prio_to_weight:
110 to 1024)."""


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """One line of the callback plugin.

    ``kind``: "play", "task" (a task starts), "start" (a task starts on a host), "ok", "changed",
    "skipped", "failed", "ignored" (failed, tolerated by the playbook), "retry", "unreachable",
    "stats" (end; ``data`` has the counts by host), "exit" (the process ended, however it did: the
    task is the playbook's name, and ``data["code"]`` its exit status). ``at`` is in nanoseconds of
    CLOCK_MONOTONIC. ``data["message"]`` on "failed" and "unreachable" is Ansible's own text,
    trimmed, and absent where the task has no_log.
    """

    kind: str
    host: str
    task: str
    role: str
    at: int
    data: dict[str, Any] = field(default_factory=dict, hash=False)


class KillPlaybook(Exception):
    """Raised by ``on_event``.

    The playbook is killed at once (SIGKILL), as by a power loss of its controller.
    """


@dataclass(frozen=True, slots=True)
class PlaybookResult:
    """How a playbook ended: counts by host.

    Ok, changed, failures, unreachable, skipped, rescued, ignored.
    """

    stats: dict[str, dict[str, int]]

    @property
    def changed(self) -> int:
        """Changed tasks of all hosts; 0 on an idempotent second run."""
        return sum(counts.get("changed", 0) for counts in self.stats.values())


def run_playbook(  # noqa: PLR0913 - each is named by the caller
    inventory: Inventory,
    playbook: str | Path,
    extra_vars: Mapping[str, Any] | None = None,
    *,
    on_event: Callable[[TaskEvent], None] | None = None,
    timeout_s: float = 3600.0,
    limit: str = "",
    forks: int | None = None,
    log_path: Path | None = None,
) -> PlaybookResult:
    """Run a playbook to its end: one of the collection, by its name, or an absolute path.

    ``forks`` is how many nodes are worked on at a time; ansible.cfg's number when it is not given.
    ``on_event`` is called from the calling thread for each event as it happens. Extra variables are
    handed over in a private file, never on the command line. When ``on_event`` raises or the caller
    is interrupted (Ctrl-C), the playbook is asked to stop (SIGINT to its own process group), waited
    for, then killed; at once by KillPlaybook. What it prints stays in a private folder while it
    runs; when it has ended, however it did, ``log_path`` has it without secrets.

    Raises:
        UsageError: there is no such playbook.
        StepFailed: a task failed or a host was unreachable; names the task, the host and Ansible's
            own message.
        DeadlineExceeded: it did not end within ``timeout_s`` seconds (timeouts.playbook).
    """
    path = PLAYBOOKS / playbook  # an absolute path stays what it is
    if not path.exists():
        raise UsageError(
            f"there is no playbook {path}; expected one of "
            f"{', '.join(sorted(each.name for each in PLAYBOOKS.glob('*.yml')))}"
        )
    with tempfile.TemporaryDirectory(prefix="kubedrill-playbook-") as directory:
        argv = [ansible_program("ansible-playbook"), "-i", str(inventory.path.resolve()), str(path)]
        argv += ["--limit", limit] if limit else []
        argv += ["--forks", str(forks)] if forks else []
        argv += _extra_vars(Path(directory), extra_vars)
        output = Path(directory) / "output.log"
        try:
            run = _Run(argv, path.name, timeout_s, output)
            return run.follow(on_event or (lambda _event: None))
        finally:
            if log_path and output.exists():
                replace_file(log_path, redact(output.read_text(encoding="utf-8", errors="replace")))


def _extra_vars(directory: Path, extra_vars: Mapping[str, Any] | None) -> list[str]:
    if not extra_vars:
        return []
    path = directory / "extra-vars.json"
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(dict(extra_vars), file)
    return ["-e", f"@{path}"]


class _Run:
    """One child process: its events arrive on a pipe, its ordinary output in a log file."""

    def __init__(self, argv: list[str], name: str, timeout_s: float, log: Path) -> None:
        self.argv, self.name, self.timeout_s, self.log = argv, name, timeout_s, log
        self.failures: dict[str, TaskEvent] = {}
        self.stats: dict[str, dict[str, int]] = {}
        self.expired = False
        self.mark = uuid.uuid4().hex

    def follow(self, on_event: Callable[[TaskEvent], None]) -> PlaybookResult:
        read_end, write_end = os.pipe()
        with self.log.open("wb") as log:
            process = self._start(write_end, log.fileno())
        _yield_processors(process.pid)
        os.close(write_end)
        timer = threading.Timer(self.timeout_s, self._expire, [process])
        timer.daemon = True
        timer.start()
        try:
            with os.fdopen(read_end, "r", encoding="utf-8") as pipe:
                for line in pipe:
                    event = TaskEvent(**json.loads(line))
                    if event.kind in ("failed", "unreachable"):
                        self.failures[event.host] = event
                    elif event.kind == "stats":
                        self.stats = event.data
                    on_event(event)
            process.wait()
        except BaseException as error:
            self._stop(process, 0 if isinstance(error, KillPlaybook) else CANCEL_S)
            raise
        finally:
            timer.cancel()
            timer.join()
            data = {"code": process.returncode}
            on_event(TaskEvent("exit", "", self.name, "", time.monotonic_ns(), data))
        return self._judge(process.returncode)

    def _start(self, write_end: int, log: int) -> subprocess.Popen[bytes]:
        environment = ansible_environment()
        environment.update(
            {
                "ANSIBLE_CALLBACKS_ENABLED": "kubedrill.kubeadm.events",
                "ANSIBLE_HOST_KEY_CHECKING": "True",
                "KUBEDRILL_EVENTS_FD": str(write_end),
                MARK: self.mark,
            }
        )
        return subprocess.Popen(
            self.argv,
            env=environment,
            cwd=state_folder(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[write_end],
            start_new_session=True,
        )

    def _expire(self, process: subprocess.Popen[bytes]) -> None:
        self.expired = True
        self._stop(process)

    def _stop(self, process: subprocess.Popen[bytes], seconds: float = CANCEL_S) -> None:
        stop(process, seconds)
        _end_left_behind(self.mark)

    def _judge(self, returncode: int) -> PlaybookResult:
        if self.expired:
            raise DeadlineExceeded(
                f"{self.name} to end", self.timeout_s, "playbook", self._last_output()
            )
        if returncode == 0:
            return PlaybookResult(self.stats)
        final = [
            event
            for event in sorted(self.failures.values(), key=lambda event: event.at)
            if self._stayed_failed(event.host)
        ]
        if not final:
            raise StepFailed(
                f"{self.name} ended with {returncode}: {self._last_output() or 'no output'}"
            )
        lines = [
            f"{event.host}: task '{event.task}' {event.kind}: "
            + event.data.get("message", "hidden (no_log)")
            for event in final
        ]
        raise StepFailed(f"{self.name} failed:\n" + "\n".join(f"  - {line}" for line in lines))

    def _stayed_failed(self, host: str) -> bool:
        """False where the playbook rescued the failure."""
        counts = self.stats.get(host)
        return counts is None or counts.get("failures", 0) + counts.get("unreachable", 0) > 0

    def _last_output(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace").strip()
        return " ".join(text[-800:].split())


def _yield_processors(pid: int) -> None:
    """Let a playbook's own computing on this host take only what is left over.

    It must not make probes late, nor starve nodes that are containers of this host. Linux weighs
    sessions before it weighs processes where it groups them (sched(7), autogroup), so both get the
    niceness.
    """
    with contextlib.suppress(OSError):  # it has ended, or this kernel does not group sessions
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS), encoding="ascii")


def stop(process: subprocess.Popen[bytes], seconds: float = CANCEL_S) -> None:
    """End a process group that this module started.

    SIGINT, then SIGKILL after ``seconds``; SIGKILL at once where there are none.
    """
    last = (signal.SIGKILL, None)
    for number, patience in ((signal.SIGINT, seconds), last) if seconds else (last,):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def _end_left_behind(mark: str) -> None:
    """Kill what outlived its playbook.

    Ansible's workers lead sessions of their own, so that the group's signal does not reach them; a
    worker that has just been forked, and the module that it starts, can be missed by Ansible's own
    handing on of the signal too.
    """
    deadline = time.monotonic() + CANCEL_S
    while left := [process for process in psutil.process_iter() if _mark_of(process) == mark]:
        if (
            time.monotonic() > deadline
        ):  # the kernel does not let go of them: a hanging disk or network mount
            return
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=1)


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None
