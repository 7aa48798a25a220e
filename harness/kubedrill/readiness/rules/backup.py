"""Backups on this host: how old the latest is, and whether it was ever restored."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kubedrill.readiness.rules.common import info, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kubedrill.readiness.model import Issue, Snapshot

OLD = timedelta(hours=24)
"""Restoring an older one would lose more than a day."""

EXPECTED = "one younger than 24 h that was proven"
ANOTHER = "run kubedrill backup, then kubedrill backup verify where the private key is"


def latest(snapshot: Snapshot) -> Iterator[Issue]:
    """The latest backup is less than a day old, and proven."""
    backups = snapshot.backups.get()
    if backups.taken is None:
        yield warning("backup", f"none in {backups.path}", EXPECTED, ANOTHER)
        return
    age = snapshot.taken - backups.taken
    text = f"the latest in {backups.path} is {_hours(snapshot, backups.taken)}"
    if not timedelta() <= age <= OLD:
        yield warning("backup", text, EXPECTED, ANOTHER)
    elif backups.proven == backups.taken:
        yield info("backup", f"{text}, and proven")
    else:
        other = "none was"
        if backups.proven:
            other = f"the newest that was is {_hours(snapshot, backups.proven)}"
        yield warning(
            "backup",
            f"{text} and was never proven; {other}",
            EXPECTED,
            "run kubedrill backup verify where the private key is, and keep its proof beside it",
        )


def _hours(snapshot: Snapshot, taken: datetime) -> str:
    hours = (snapshot.taken - taken) / timedelta(hours=1)
    return f"{hours:.1f} h old" if hours >= 0 else f"dated {-hours:.1f} h ahead of this host"
