"""A playbook as a step of a drill, its tasks as spans of the lane "ansible".

One for each task on each host that did not skip it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from kubedrill.base.model import PROCESS, Span
from kubedrill.cluster.playbooks import run_playbook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.core.context import DrillContext

_ENDS = ("ok", "changed", "failed", "ignored", "unreachable")


def run_playbook_step(
    ctx: DrillContext,
    playbook: str,
    variables: Mapping[str, Any],
    title: str,
    on_event: Callable[[TaskEvent], None] | None = None,
) -> None:
    """Run a playbook as a step of the drill, each task on each host a span.

    ``on_event`` sees each event too, and may raise.

    Raises:
        StepFailed: the playbook refused or failed; carries Ansible's words.
        DeadlineExceeded: it did not end within ``timeouts.upgrade``.
    """
    cluster, lane, record = ctx.cluster, AnsibleLane(ctx), ctx.writer.path
    # a number, so that a rerun does not overwrite the first run's log
    number = len(list(record.parent.glob(f"{record.stem}.*.ansible.log"))) + 1
    log = record.with_suffix(f".{number}.ansible.log")

    def take(event: TaskEvent) -> None:
        lane.take(event)
        if on_event:
            on_event(event)

    with ctx.step("cluster", title, lane="fault"), lane:
        run_playbook(
            cluster.inventory,
            playbook,
            variables,
            on_event=take,
            timeout_s=cluster.settings.timeouts.upgrade,
            forks=cluster.settings.upgrade_forks,
            log_path=log,
        )


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
        elif event.kind == "exit":
            self._ctx.event(PROCESS, "cluster", event.task, **event.data)

    def _write(self, key: tuple[str, str, str], start: int, end: int, result: str) -> None:
        self._ctx.writer.span(
            Span("ansible", key[0], self._name(key), start, end, {"result": result})
        )

    @staticmethod
    def _name(key: tuple[str, str, str]) -> str:
        _, role, task = key
        return f"{role}: {task}" if role and not task.startswith(role) else task
