"""One run at a time on one cluster, also from several hosts.

A Lease in the cluster that names who drills it.

The Lease ``kube-system/kubedrill`` is renewed by a thread. A drill that takes the API away does not
lose it: a renewal that fails is tried again, and whoever finds a Lease that looks expired first
watches whether it is renewed after all. So neither an outage nor clocks that differ between two
hosts make two holders. A holder that died blocks others for :data:`LEASE_S` + :data:`WATCH_S`
seconds at most; on the host where it died, not at all.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from kubernetes.client import ApiException

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.processes import (
    describe_process,
    process_identity,
)
from kubedrill.base.errors import DeadlineExceeded, StepFailed, Unsafe
from kubedrill.base.waits import Repeating, wait_for
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.kubeconfig import ADMIN_CONF
from kubedrill.runner.lease_holder import (
    LEASE_S,
    holder,
    is_free,
    is_held,
    is_mine,
)

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi

NAMESPACE, NAME = "kube-system", "kubedrill"

RENEW_S = 10.0
"""Seconds between renewals."""

WATCH_S = 30.0
"""Seconds that an expired Lease is watched before it is taken over: a renewal, its deadline, and
the next one."""

_CONFLICT, _MISSING = 409, 404


class ClusterLease(Repeating):
    """Held while it is entered, once the API answers.

    ``lost`` says who took it over meanwhile, "" while nobody did. What failed is tried again every
    ``renew_s`` seconds.
    """

    def __init__(
        self, api: ClusterApi, cluster: str, watch_s: float = WATCH_S, renew_s: float = RENEW_S
    ) -> None:
        super().__init__([self._keep], renew_s, patience_s=renew_s)
        self._leases, self._cluster, self._watch_s = api.coordination, cluster, watch_s
        self._acquired, self._taking = _stamp(), threading.Lock()
        self.lost, self.held = "", False

    def __enter__(self) -> Self:
        self.ensure()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.release()

    def ensure(self) -> None:
        """Make sure, before a drill, that this run is the holder.

        Where the API does not answer nothing is held yet.

        Raises:
            Unsafe: another run holds it, or took it over.
            StepFailed: the API refuses it.
        """
        self.raise_if_lost()
        try:
            self.take()
        except ApiUnavailable:
            return
        except ApiException as error:
            refused = (
                f"the API refused the lease {NAMESPACE}/{NAME} with {error.status}: {error.reason}"
            )
            raise StepFailed(f"{refused}; it needs the rights of {ADMIN_CONF}") from error

    def require(self) -> None:
        """Make sure, before anything is touched, that this run is the holder.

        Raises:
            Unsafe: it is not, also where the API does not answer.
            StepFailed: the API refuses it.
        """
        self.ensure()
        if not self.held:
            raise Unsafe(
                f"the lease {NAMESPACE}/{NAME} could not be taken, because the API did not answer; "
                "without it another run may drill the cluster too. Try again"
            )

    def raise_if_lost(self) -> None:
        """End what is under way where another run took the cluster over.

        Raises:
            Unsafe: it did; names it.
        """
        if self.lost:
            raise Unsafe(
                f"the cluster {self._cluster} was taken over by {self.lost} while the API was "
                "away; stopped"
            )

    def take(self) -> None:
        """Become the holder, where this run is not.

        Raises:
            Unsafe: another run holds it; names it and since when.
            ApiUnavailable: the API does not answer.
        """
        with self._taking:
            if not self.held:
                self._take()

    def _take(self) -> None:
        lease = self.read()
        if lease is not None and is_held(lease):
            raise Unsafe(self._refusal(lease))
        if lease is not None and not is_free(lease):
            self._watch(lease)
        if self.ended:
            return
        try:
            if lease is None:
                self._leases.create_namespaced_lease(NAMESPACE, self._body())
            else:
                self._leases.replace_namespaced_lease(
                    NAME, NAMESPACE, self._body(lease.metadata.resource_version)
                )
        except ApiException as error:
            if error.status != _CONFLICT:
                raise
            raise Unsafe(self._refusal(self.read() or lease)) from error
        self.held = True

    def renew(self) -> None:
        """Renew it once. An API that does not answer, or refuses, is tolerated.

        The next renewal tries again.
        """
        with contextlib.suppress(ApiUnavailable, ApiException):
            lease = self.read()
            if lease is None:  # a restored snapshot of etcd may be older than this run
                self._leases.create_namespaced_lease(NAMESPACE, self._body())
            elif is_free(lease):
                self._leases.replace_namespaced_lease(
                    NAME, NAMESPACE, self._body(lease.metadata.resource_version)
                )
            else:
                self.lost = holder(lease)

    def release(self) -> None:
        """Delete it, where it is still this run's. Left to expire where the API does not answer."""
        with contextlib.suppress(ApiUnavailable, ApiException):
            lease = self.read()
            if lease is not None and is_mine(lease):
                same = {"preconditions": {"resourceVersion": lease.metadata.resource_version}}
                self._leases.delete_namespaced_lease(NAME, NAMESPACE, body=same)

    def _keep(self) -> None:
        if self.lost:
            self.end()
        elif self.held:
            self.renew()
        else:
            with contextlib.suppress(Unsafe, ApiUnavailable, ApiException):
                self.take()

    def read(self) -> Any | None:
        """Return the Lease as it is; None where there is none."""
        try:
            return self._leases.read_namespaced_lease(NAME, NAMESPACE)
        except ApiException as error:
            if error.status == _MISSING:
                return None
            raise

    def _watch(self, seen: Any) -> None:
        """Watch an expired Lease.

        Raises Unsafe as soon as it is renewed: its holder lives, and its clock differs.
        """

        def renewed() -> Any | None:
            now = self.read()
            moved = now is not None and now.spec.renew_time != seen.spec.renew_time
            return now if moved else None

        try:
            now = wait_for(
                "the lease to be renewed",
                renewed,
                seconds=self._watch_s,
                setting="recovery",
                poll_s=1.0,
            )
        except DeadlineExceeded:
            return
        raise Unsafe(self._refusal(now))

    def _refusal(self, lease: Any | None) -> str:
        if lease is None:
            return (
                f"another run took the cluster {self._cluster} at the same moment and is gone "
                "again; try again"
            )
        spec = lease.spec
        until = spec.renew_time + timedelta(seconds=spec.lease_duration_seconds or LEASE_S)
        return (
            f"{holder(lease)} drills the cluster {self._cluster} since "
            f"{_shown(spec.acquire_time)}; two at a time "
            "would break each other's verdict. Wait for it, or end it with Ctrl-C there. If it "
            "died, its lease "
            f"({NAMESPACE}/{NAME}) runs out at {_shown(until)}."
        )

    def _body(self, resource_version: str | None = None) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "name": NAME,
            "namespace": NAMESPACE,
            "annotations": describe_process(),
        }
        if resource_version:
            metadata["resourceVersion"] = resource_version
        spec = {
            "holderIdentity": process_identity(),
            "leaseDurationSeconds": LEASE_S,
            "acquireTime": self._acquired,
            "renewTime": _stamp(),
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }


def held_by(api: ClusterApi) -> list[str]:
    """Say which run drills the cluster now, as a problem; [] for none. Touches nothing."""
    lease = ClusterLease(api, "").read()
    return (
        [f"{holder(lease)} drills it since {_shown(lease.spec.acquire_time)}"]
        if lease and is_held(lease)
        else []
    )


def _stamp() -> str:
    """A MicroTime; the API server wants its six digits even where they are 0."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _shown(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "an unknown time"
