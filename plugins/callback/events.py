"""Ansible callback plugin: task events as JSON lines on the descriptor KUBEDRILL_EVENTS_FD.

Holds only names and statuses. A failure's message is trimmed, and left out where the task has
no_log.

Besides, it has the sessions of Ansible's workers keep the niceness that the harness gave to the
playbook.
"""

# ruff: noqa: D102, ARG002 - the public methods are Ansible's interface, which documents them

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: events
type: notification
short_description: Task events as JSON lines
description:
  - Writes one JSON line for each task event to the file descriptor that KUBEDRILL_EVENTS_FD names.
options: {}
"""

MESSAGE_LIMIT = 1000
"""Characters of a failure's message that are kept: enough for a kubeadm error, too little for a
dump."""


def keep_niceness_in_sessions() -> None:
    """Have sessions of this process and its children keep the niceness of their first process.

    Each of Ansible's workers leads a session of its own, and Linux shares the processors among
    sessions before it looks at processes (sched(7), autogroup): a new session weighs as much as
    any, however nice the process is.
    """
    begin = os.setsid

    def setsid() -> None:
        begin()
        with contextlib.suppress(OSError):  # this kernel does not group sessions
            Path("/proc/self/autogroup").write_text(str(os.nice(0)), encoding="ascii")

    os.setsid = setsid


def message_of(result: dict[str, Any]) -> str | None:
    """The text of a failure for people, or None where the task's output is censored.

    >>> message_of({"msg": "non-zero return code", "stderr": "no space left"})
    'non-zero return code: no space left'
    >>> message_of({"censored": "the output has been hidden", "msg": "secret"}) is None
    True
    """
    if "censored" in result or result.get("_ansible_no_log"):
        return None
    parts = [str(result.get("msg") or "").strip(), str(result.get("stderr") or "").strip()]
    parts += [
        f"{item.get('item')}: {item.get('msg')}"
        for item in result.get("results", [])
        if item.get("failed") and "censored" not in item
    ]
    text = ": ".join(part for part in parts if part) or "no message"
    return text if len(text) <= MESSAGE_LIMIT else "…" + text[-MESSAGE_LIMIT:]


def _task_name(task: Any, role: Any) -> str:
    name = str(task.get_name())  # include_role's takes no argument
    return name.removeprefix(f"{role.get_name()} : ") if role else name


class CallbackModule(CallbackBase):  # type: ignore[misc] # ansible has no types
    """Writes the events; everything else of Ansible's output stays as it is."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "kubedrill.kubeadm.events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        descriptor = os.environ.get("KUBEDRILL_EVENTS_FD", "")
        self._descriptor = int(descriptor) if descriptor.isdigit() else None
        if self._descriptor is None:
            self.disabled = True
        else:  # a daemon that a task leaves behind must not keep the pipe open
            os.set_inheritable(self._descriptor, False)
            keep_niceness_in_sessions()

    def _write(
        self, kind: str, host: str = "", task: Any = None, data: dict[str, Any] | None = None
    ) -> None:
        if self._descriptor is None:
            return
        role = getattr(task, "_role", None)
        line = {
            "kind": kind,
            "host": host,
            "task": _task_name(task, role) if task else "",
            # without the collection's name, which would only repeat itself
            "role": str(role.get_name(include_role_fqcn=False)) if role else "",
            "at": time.clock_gettime_ns(time.CLOCK_MONOTONIC),
            "data": data or {},
        }
        try:
            os.write(self._descriptor, (json.dumps(line) + "\n").encode())
        except (
            BrokenPipeError
        ):  # nobody listens any more: the harness is gone, the playbook goes on
            self._descriptor = None

    def _result(self, kind: str, result: Any) -> None:
        data = {}
        if kind in ("failed", "unreachable", "ignored"):
            message = message_of(result.result)
            data = {} if message is None else {"message": message}
        self._write(kind, result.host.get_name(), result.task, data)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._write("play", data={"name": play.get_name()})

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._write("task", task=task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._write("task", task=task)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._write("start", host.get_name(), task)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("changed" if result.result.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("unreachable", result)

    def v2_runner_retry(self, result: Any) -> None:
        self._result("retry", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write("stats", data={host: stats.summarize(host) for host in sorted(stats.processed)})
