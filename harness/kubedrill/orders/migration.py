"""The order service's migration Job: one for each version.

One that failed, or ran already, is taken away first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import BatchV1Api

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.object_client import missing_is_fine
from kubedrill.orders import manifests

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi


class Migration:
    """The Job of one version."""

    def __init__(self, api: ClusterApi, version: str) -> None:
        self._api, self.name = api, manifests.migration(version)
        self._batch: Any = BatchV1Api(api.client)

    def missing(self) -> str | None:
        """Return what is lacking until it has ended.

        Raises:
            StepFailed: it failed, and stays so.
        """
        live = self._read()
        if live is None:
            return f"{self.name} does not exist"
        status = live.status
        if failed := _failure(status):
            raise StepFailed(f"{self.name} failed: {failed.reason}: {failed.message}")
        return None if status.succeeded else f"{self.name} has not ended"

    def clear_failed(self) -> None:
        """Take the Job away if it failed, so that a new one can run."""
        live = self._read()
        if live is not None and _failure(live.status):
            self.clear()

    def clear(self) -> None:
        """Take the Job away, and wait until it is gone (timeouts.namespace_gone)."""
        self._api.delete([job(self.name)])
        gone = "the earlier migration to be gone"
        self._api.wait(gone, lambda: self._read() and "it is still there", setting="namespace_gone")

    def _read(self) -> Any:
        with missing_is_fine():
            return self._batch.read_namespaced_job(self.name, manifests.NAMESPACE)
        return None


def job(name: str) -> dict[str, Any]:
    """Return what names a Job, for deleting it."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": manifests.NAMESPACE},
    }


def _failure(status: Any) -> Any:
    return next(
        (c for c in status.conditions or [] if c.type == "Failed" and c.status == "True"), None
    )
