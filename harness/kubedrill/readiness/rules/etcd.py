"""etcd: members, alarms, size against quota, fragmentation, the latest snapshot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kubedrill.cluster import etcd
from kubedrill.readiness.model import known
from kubedrill.readiness.rules.common import blocker, info, size, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot

DEFAULT_QUOTA = 2 * 2**30
"""Bytes: etcd's default of --quota-backend-bytes."""

NEARLY_FULL, FULL = 0.80, 0.95
"""Share of the quota. At 1.0 etcd takes no more writes (alarm NOSPACE) and an upgrade writes a
lot."""

FRAGMENTED = 0.5
"""Share of the file that is free space within it; from here on a defragmentation is worth its
pause."""

LITTLE = 100 * 2**20
"""Bytes: below this fragmentation costs nothing (etcd's file never shrinks by itself)."""

HOUR = timedelta(hours=1)
OLD_H = 24
"""Age in hours of a snapshot from which restoring it would lose more than a day."""


def members(snapshot: Snapshot) -> Iterator[Issue]:
    """All members healthy, with one leader, no learner and no alarm.

    A majority must stay while one is replaced.
    """
    answers = [
        answer.get().member if answer.known else etcd.Member(name, error=answer.error)
        for name, answer in snapshot.etcd.items()
    ]
    silent = [member for member in answers if member.error]
    for problem in etcd.problems(answers):
        if not any(problem == f"etcd on {member.node}: {member.error}" for member in silent):
            yield blocker(
                "etcd", problem, "every member healthy, one leader, no alarm", "repair etcd first"
            )


def space(snapshot: Snapshot) -> Iterator[Issue]:
    """Size against quota, and how much of the file is in use."""
    for name, facts in known(snapshot.etcd).items():
        used, quota = facts.member.db_bytes, facts.quota or DEFAULT_QUOTA
        share, free = used / quota, 1 - facts.in_use / used if facts.in_use else 0.0
        if share >= NEARLY_FULL:
            yield (blocker if share >= FULL else warning)(
                f"etcd on {name}",
                f"its database has {size(used)} of {size(quota)} ({share:.0%})",
                f"below {NEARLY_FULL:.0%}",
                "compact and defragment it, one member at a time",
            )
        if used > LITTLE and free >= FRAGMENTED:
            yield warning(
                f"etcd on {name}",
                f"{free:.0%} of its {size(used)} is free space inside the file",
                f"below {FRAGMENTED:.0%}",
                "defragment it, one member at a time, before the upgrade",
            )


def latest_snapshot(snapshot: Snapshot) -> Iterator[Issue]:
    """The age of the latest snapshot on this host.

    The upgrade takes another one before it changes anything.
    """
    latest = snapshot.etcd_snapshot.get()
    advice = "playbooks/upgrade.yml saves one before it changes anything"
    expected = "one younger than 24 h, kept off the nodes"
    age_h = (snapshot.taken - latest.taken) / HOUR if latest.taken else None
    if age_h is None:
        yield warning("etcd snapshot", f"none in {latest.path}", expected, advice)
    elif age_h > OLD_H:
        yield warning("etcd snapshot", f"the latest is {age_h:.0f} h old", expected, advice)
    else:
        yield info("etcd snapshot", f"the latest on this host is {age_h:.1f} h old; {advice}")
