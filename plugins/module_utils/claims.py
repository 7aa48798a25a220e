"""One playbook or drill at a time on one cluster, from whichever host.

A claim says who works on a cluster. Where the cluster has an API it is the Lease that drills hold
too, before that it is a file on the first control plane that can be reached. A claim of a process
that died on the host that asks is free at once, any other one when it has run out, or when its
holder is named as dead.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import (
    read_state,
    write_state,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.processes import (
    PLACE,
    PROCESS,
    STARTED,
    same_user,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    KUBECONFIG,
    CommandError,
    parse_time,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    Record = dict[str, Any]

CLAIM = Path("/run/kubedrill/claim.json")
NAMESPACE, NAME = "kube-system", "kubedrill"  # harness/kubedrill/runner/lease.py takes it too
SECONDS = 3600
"""A playbook renews its claim only where it asks the API anyway: at each node's turn."""
GRACE = 60
"""Seconds that clocks of hosts may differ by, and that a drill may need to renew its Lease."""
ANYBODY = "*"
"""As ``takeover``: of a Lease that a restored snapshot has brought back."""


class ClaimedError(Exception):
    """Somebody else works on the cluster; the text names them."""


def relation(record: Record, me: Record, now: datetime) -> str:
    """What a claim is to a process: "free", "mine", "parent" (a drill that runs it) or "theirs"."""
    process = f"{record.get(PROCESS)} {record.get(STARTED)}"
    if record.get(PLACE) == me[PLACE] and process in me["lineage"]:
        return "mine" if process == f"{me[PROCESS]} {me[STARTED]}" else "parent"
    seen = not me.get("hidden") or same_user(str(record.get("holder")), me["holder"])
    dead = record.get(PLACE) == me[PLACE] and process not in me["alive"] and seen
    if not record.get("holder") or dead or me["takeover"] in {record["holder"], ANYBODY}:
        return "free"
    return "free" if now > _end(record) + timedelta(seconds=GRACE) else "theirs"


def _end(record: Record) -> datetime:
    return parse_time(record["renewed"]) + timedelta(seconds=record["seconds"])


def take_file(me: Record) -> None:
    """Claim a cluster on this node.

    Raises:
        ClaimedError: somebody else has it.
    """
    with _locked():
        _write_file(me, read_state(CLAIM, {}))


def _write_file(me: Record, record: Record) -> None:
    now = datetime.now(timezone.utc)
    relationship = relation(record, me, now)
    if relationship == "theirs":
        raise ClaimedError(_refusal(record))
    if relationship != "parent":
        since = record["since"] if relationship == "mine" else now.isoformat()
        identity = {key: me[key] for key in ("holder", PLACE, PROCESS, STARTED)}
        write_state(
            CLAIM, {**identity, "since": since, "renewed": now.isoformat(), "seconds": SECONDS}
        )


@contextmanager
def _locked() -> Iterator[None]:
    CLAIM.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(CLAIM.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def release_file(me: Record) -> None:
    """Give up this node's claim, where it is this process's."""
    if CLAIM.exists():
        with _locked():
            if relation(read_state(CLAIM, {}), me, datetime.now(timezone.utc)) == "mine":
                CLAIM.unlink()


def take_lease(me: Record, *, renew_only: bool = False) -> bool:
    """Claim a cluster in its API, or renew the claim; False where the API does not answer.

    With ``renew_only`` a claim that is nobody's stays so.

    Raises:
        ClaimedError: somebody else has it.
    """
    try:
        lease = _read_lease()
        now = datetime.now(timezone.utc)
        relationship = relation(_record(lease), me, now)
        if relationship == "theirs":
            raise ClaimedError(_refusal(_record(lease)))
        left = _end(_record(lease)) - now
        stale = relationship == "mine" and left < timedelta(seconds=SECONDS // 2)
        if stale or (relationship == "free" and not renew_only):
            _kubectl("replace" if lease else "create", "-f", "-", stdin=_manifest(lease, me, now))
    except CommandError as error:
        if "(Conflict)" in str(error) or "(AlreadyExists)" in str(error):
            raise ClaimedError(
                "another playbook or drill took this cluster at the same moment; nothing was "
                "changed. Look at `kubectl -n kube-system get lease kubedrill -o yaml`, and run "
                "the same command again"
            ) from error
        return False
    return True


def release_lease(me: Record) -> None:
    """Give up the claim in the API, where it is this process's; it runs out where that fails."""
    try:
        if relation(_record(_read_lease()), me, datetime.now(timezone.utc)) == "mine":
            _kubectl("delete", "lease", NAME, "--wait=false")
    except CommandError:
        return


def _read_lease() -> Record:
    text = _kubectl("get", "lease", NAME, "--ignore-not-found", "-o", "json")
    return dict(json.loads(text)) if text else {}


def _kubectl(*arguments: str, stdin: str = "") -> str:
    argv = ["kubectl", "--kubeconfig", KUBECONFIG, "--request-timeout=5s", "-n", NAMESPACE]
    return run([*argv, *arguments], 10, stdin=stdin)


def _record(lease: Record) -> Record:
    spec = lease.get("spec") or {}
    return {
        **((lease.get("metadata") or {}).get("annotations") or {}),
        "holder": spec.get("holderIdentity") or "",
        "since": spec.get("acquireTime") or "1970-01-01T00:00:00Z",
        "renewed": spec.get("renewTime") or "1970-01-01T00:00:00Z",
        "seconds": spec.get("leaseDurationSeconds") or 0,
    }


def _manifest(lease: Record, me: Record, now: datetime) -> str:
    stamp = f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"  # a MicroTime: the API wants its six digits
    metadata = {
        "name": NAME,
        "namespace": NAMESPACE,
        "annotations": {key: me[key] for key in (PLACE, PROCESS, STARTED)},
    }
    mine = lease and relation(_record(lease), me, now) == "mine"
    if lease:
        metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
    spec = {
        "holderIdentity": me["holder"],
        "leaseDurationSeconds": SECONDS,
        "acquireTime": lease["spec"]["acquireTime"] if mine else stamp,
        "renewTime": stamp,
    }
    kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    return json.dumps({**kind, "metadata": metadata, "spec": spec})


def _refusal(record: Record) -> str:
    since, until = parse_time(record["since"]), _end(record)
    return (
        f"{record['holder']} has been working on this cluster since {since:%Y-%m-%d %H:%M:%S} UTC; "
        f"expected one playbook or drill at a time; nothing was changed. Wait for it, or end it on "
        f"its host. If it is dead, run its command again on its host, which goes on at once, or "
        f"add -e \"cluster_claim_takeover='{record['holder']}'\" here, or wait until "
        f"{until:%Y-%m-%d %H:%M:%S} UTC"
    )
