"""Ansible's task events as spans of the lane "ansible".

One for each task on each host that did not skip it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from kubedrill.base.model import Span

if TYPE_CHECKING:
    from types import TracebackType

    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.core.context import DrillContext

_ENDS = ("ok", "changed", "failed", "ignored", "unreachable")


class AnsibleLane:
    """Feeds on :func:`~kubedrill.cluster.playbooks.run_playbook`'s events.

    Leaving it closes what was under way.
    """

    def __init__(self, ctx: DrillContext) -> None:
        self._ctx = ctx
        self._open: dict[tuple[str, str, str], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for key, start in self._open.items():
            self._write(key, start, time.monotonic_ns(), "unfinished")

    def take(self, event: TaskEvent) -> None:
        """Note one event."""
        key = (event.host, event.role, event.task)
        if event.kind == "start":
            self._open[key] = event.at
            self._ctx.progress.step(event.host, self._name(key))
        elif event.kind == "skipped":
            self._open.pop(key, None)
        elif event.kind in _ENDS:
            start = self._open.pop(key, event.at)
            self._write(key, start, event.at, event.kind)

    def _write(self, key: tuple[str, str, str], start: int, end: int, result: str) -> None:
        self._ctx.writer.span(
            Span("ansible", key[0], self._name(key), start, end, {"result": result})
        )

    @staticmethod
    def _name(key: tuple[str, str, str]) -> str:
        _, role, task = key
        return f"{role}: {task}" if role and not task.startswith(role) else task
