"""Who holds the cluster's Lease: a process, known by its number, its start and its boot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.processes import (
    PLACE,
    PROCESS,
    STARTED,
    describe_process,
    hides_others,
    process_identity,
    process_place,
    process_started,
    same_user,
)

LEASE_S = 60
"""Seconds after its last renewal that a Lease counts as held: three renewals that each wait for
their deadline (timeouts.api_call, 10 s) in vain."""


def holder(lease: Any) -> str:
    """Who holds a Lease; "" for nobody."""
    return str(lease.spec.holder_identity or "")


def is_mine(lease: Any) -> bool:
    """Whether this very process wrote it."""
    return dict(lease.metadata.annotations or {}) == describe_process()


def is_free(lease: Any) -> bool:
    """Whether nobody else has it: it is nobody's, this process's, or of one that died here."""
    return not holder(lease) or is_mine(lease) or holder_is_gone(lease)


def is_held(lease: Any) -> bool:
    """Whether somebody else holds it, by this host's clock, who has not died on this host."""
    spec = lease.spec
    if is_free(lease) or spec.renew_time is None:
        return False
    return bool(
        datetime.now(UTC)
        < spec.renew_time + timedelta(seconds=spec.lease_duration_seconds or LEASE_S)
    )


def holder_is_gone(lease: Any) -> bool:
    """Whether its holder was a process of this host, since its last boot, that is gone."""
    notes = lease.metadata.annotations or {}
    if notes.get(PLACE) != process_place():
        return False
    if hides_others() and not same_user(holder(lease), process_identity()):
        return False
    return bool(process_started(notes.get(PROCESS, "")) != notes.get(STARTED, "nothing"))
