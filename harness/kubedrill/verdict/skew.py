"""Finds upgrades out of order: a worker ahead of a control plane, or a node left behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.results import Finding, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import Record

LANE = "release"
_STATE = re.compile(r"(control plane|worker) (v(\d+)\.(\d+)\.(\d+)\S*)")
"""What the watchers write: the role of a node and the release of its kubelet."""

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Stay:
    """The time during which one node ran one release."""

    node: str
    role: str
    shown: str
    version: Version
    start: int
    end: int


def find_skew(record: Record) -> Iterator[Finding]:
    """A worker newer than a control plane at one time, and nodes that an upgrade left behind.

    Kubernetes allows no kubelet that is newer than an API server which it may meet (version skew
    policy); a control plane's kubelet is upgraded after its API server.
    """
    stays = list(_stays(record))
    for worker in (stay for stay in stays if stay.role == "worker"):
        for plane in (stay for stay in stays if stay.role == "control plane"):
            if (
                worker.version > plane.version
                and worker.start < plane.end
                and plane.start < worker.end
            ):
                yield Finding(
                    VerdictKind.FAIL,
                    f"worker {worker.node} ran {worker.shown} while control plane {plane.node} "
                    f"still ran {plane.shown}: no kubelet may be newer than an API server",
                )
    last = {stay.node: stay for stay in sorted(stays, key=lambda s: s.start)}
    newest = max((stay.version for stay in last.values()), default=None)
    # a cluster that was of two releases from begin to end was not upgraded here
    upgraded = len(stays) > len(last)
    behind = [stay for stay in last.values() if stay.version != newest]
    if record.ended == "completed" and upgraded and behind:
        names = ", ".join(f"{stay.node} at {stay.shown}" for stay in behind)
        yield Finding(
            VerdictKind.FAIL, f"the upgrade left {names}; the other nodes run a newer release"
        )


def _stays(record: Record) -> Iterator[_Stay]:
    forever = 1 << 63
    for span in record.spans:
        match = _STATE.fullmatch(span.name) if span.lane == LANE else None
        if match:
            role, shown, *numbers = match.groups()
            major, minor, patch = map(int, numbers)
            end = forever if span.end is None else span.end
            yield _Stay(span.subject, role, shown, (major, minor, patch), span.start, end)
