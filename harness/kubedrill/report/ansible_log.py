"""Ansible's logs of a drill.

Pages with an address for each line, and which line tells of which task on which host.

A log says in its own order what the record's lane "ansible" says with times: the n-th end of a task
on a host in the one is the n-th in the other. Lines are counted after secrets were taken out, so
that a page and its links agree.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from kubedrill.base.model import Span

FOLDER = "logs"
"""Of the pages in a run's folder: what thins records out leaves it alone, as it does index.html."""
_NAME = re.compile(r"(?:\.(\d+))?\.ansible\.log")
_HEADER = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \*{3,}$")
_RESULT = re.compile(r"^(?:ok|changed|fatal|failed): \[([^\]\s]+)(?: -> [^\]]+)?\]")
_INCLUDED = re.compile(r"^included: .+ for (.+)$")
_UNFINISHED = "unfinished"
"""Result of a task that was under way when its playbook ended: its log has the task, and no
result."""


@dataclass(frozen=True)
class AnsibleLog:
    """One log without secrets. ``name`` is that of its file, ``lines`` count from 1 on the page."""

    name: str
    lines: tuple[str, ...]

    @property
    def page(self) -> str:
        """Where its page stands in the run's folder."""
        return f"{FOLDER}/{self.name}.html"

    def results(self) -> Iterator[tuple[str, str, int]]:
        """Give task, host and line for each result, each host once a task.

        Host "" for the task's own line.
        """
        task = ""
        seen: set[str] = set()
        for number, line in enumerate(self.lines, 1):
            if header := _HEADER.match(line):
                task, seen = task_name(header[1]), set()
                yield task, "", number
                continue
            for host in _hosts(line):
                if task and host not in seen:
                    seen.add(host)
                    yield task, host, number


def task_name(header: str) -> str:
    """The name that a task has in a record (kubedrill.core.ansible_lane), from the one in a log.

    >>> task_name("kubedrill.kubeadm.drain : Evict the pods"), task_name("drain : Evict the pods")
    ('drain: Evict the pods', 'drain: Evict the pods')
    >>> task_name("upgrade : upgrade kubeadm"), task_name("Look")
    ('upgrade kubeadm', 'Look')
    """
    role, between, task = header.partition(" : ")
    if not between:
        return header
    role = role.rpartition(".")[2]
    return task if task.startswith(role) else f"{role}: {task}"


def read_logs(run_dir: Path, drill: str) -> list[AnsibleLog]:
    """Read the logs of one drill's playbooks, in the order in which they ran."""
    tasks = []
    for path in (run_dir / "record").glob("*.ansible.log"):
        name = _NAME.fullmatch(path.name.removeprefix(drill))
        if name and path.name.startswith(drill):
            tasks.append((int(name[1] or 0), path))
    logs = []
    for _, path in sorted(tasks):
        text = redact(path.read_text(encoding="utf-8", errors="replace"))
        logs.append(AnsibleLog(path.name, tuple(text.split("\n"))))
    return logs


def links(logs: Iterable[AnsibleLog], spans: Iterable[Span]) -> dict[Span, str]:
    """Map spans of the lane "ansible" to the line of the log in which the task ended."""
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    for log in logs:
        for task, host, number in log.results():
            lines[task, host].append(f"{log.page}#L{number}")
    counts: dict[tuple[str, str], int] = defaultdict(int)
    linked = {}
    for span in sorted((s for s in spans if s.lane == "ansible"), key=lambda s: s.end or 0):
        finished = span.data.get("result") != _UNFINISHED
        host = span.subject if finished else ""
        # A task that takes a role in stands in the log without the name of the role that it is in.
        alone = span.name.partition(": ")[2]
        key = (alone, host) if (span.name, host) not in lines else (span.name, host)
        places = lines.get(key, [])
        number = counts[key] if finished else len(places) - 1
        counts[key] += finished
        if 0 <= number < len(places):
            linked[span] = places[number]
    return linked


def _hosts(line: str) -> list[str]:
    if result := _RESULT.match(line):
        return [result[1]]
    included = _INCLUDED.match(line)
    return included[1].split(", ") if included else []
