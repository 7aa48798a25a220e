"""etcd: members, alarms, size against quota, fragmentation, the latest snapshot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kubedrill.cluster import etcd
from kubedrill.readiness.rules.issues import blocker, info, warning
from kubedrill.readiness.rules.objects import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import EtcdFacts, Issue, Snapshot

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

OLD = timedelta(hours=24)
"""Age of a snapshot from which restoring it would lose more than a day."""


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
    for name, answer in snapshot.etcd.items():
        if answer.known:
            yield from _size(f"etcd on {name}", answer.get())


def _size(subject: str, facts: EtcdFacts) -> Iterator[Issue]:
    used, quota = facts.member.db_bytes, facts.quota or DEFAULT_QUOTA
    share = used / quota
    actual = f"its database has {size(used)} of {size(quota)} ({share:.0%})"
    if share >= NEARLY_FULL:
        say = blocker if share >= FULL else warning
        yield say(
            subject,
            actual,
            f"below {NEARLY_FULL:.0%}",
            "compact and defragment it, one member at a time",
        )
    if used > LITTLE and facts.in_use and 1 - facts.in_use / used >= FRAGMENTED:
        yield warning(
            subject,
            f"{1 - facts.in_use / used:.0%} of its {size(used)} is free space inside the file",
            f"below {FRAGMENTED:.0%}",
            "defragment it, one member at a time, before the upgrade",
        )


def backup(snapshot: Snapshot) -> Iterator[Issue]:
    """The age of the latest snapshot on this host.

    The upgrade takes one of its own before it changes anything.
    """
    latest = snapshot.backup.get()
    advice = "playbooks/upgrade.yml saves one before it changes anything"
    if latest.taken is None:
        yield warning(
            "etcd snapshot",
            f"none in {latest.path}",
            "one younger than 24 h, kept off the nodes",
            advice,
        )
        return
    age = snapshot.taken - latest.taken
    hours = age.total_seconds() / 3600
    if age > OLD:
        yield warning(
            "etcd snapshot", f"the latest is {hours:.0f} h old", "one younger than 24 h", advice
        )
    else:
        yield info("etcd snapshot", f"the latest on this host is {hours:.1f} h old; {advice}")
