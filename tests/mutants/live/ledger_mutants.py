"""The object of the watch ledger, changed behind the back of its clients.

Written against the frame of the other live mutants; no cluster has run them yet.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from kubernetes.client.exceptions import ApiException
from livekit import Called, Cluster, on_cluster
from urllib3.exceptions import HTTPError

from kubedrill.probes.inside import LEDGER
from kubedrill.probes.standard import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAIL, INCONCLUSIVE = Called.FAIL, Called.INCONCLUSIVE
EVERY_S = 1.0


@contextmanager
def meddling(cluster: Cluster, change: Callable[[], object]) -> Iterator[None]:
    """Keep the watch ledger in the drill, and change its object once a second meanwhile."""
    probes = cluster.settings.probes.model_copy(update={"watch_ledger": True})
    cluster.settings = cluster.settings.model_copy(update={"probes": probes})
    stopped = threading.Event()

    def meddle() -> None:
        while not stopped.wait(EVERY_S):
            # before the drill and after it there is no such object
            with suppress(ApiException, HTTPError):
                change()

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@on_cluster("pod-killed", FAIL, "which nobody wrote")
def writes_of_a_stranger(cluster: Cluster) -> Iterator[None]:
    """Somebody else writes into the object that the watch ledger is kept about."""
    body = {"data": {"value": "of a stranger"}}
    patch = cluster.api.core.patch_namespaced_config_map
    with meddling(cluster, lambda: patch(LEDGER, NAMESPACE, body)):
        yield


@on_cluster("pod-killed", INCONCLUSIVE, "the object was deleted at revision")
def object_of_the_ledger_deleted(cluster: Cluster) -> Iterator[None]:
    """Somebody deletes the object that the watch ledger is kept about."""
    delete = cluster.api.core.delete_namespaced_config_map
    with meddling(cluster, lambda: delete(LEDGER, NAMESPACE)):
        yield
