"""What faults and drills make in the cluster: all of it carries a label and is found by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.faults.traces import ClusterTrace, HiddenTrace, Stage, add_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.faults.traces import Leftover, Objects, Reach

DRILL_LABEL = "kubedrill.io/drill"
"""Namespaces and pods that a drill makes carry this label and are deleted with it."""


def _namespaces(objects: Objects) -> list[str]:
    return [
        space.metadata.name
        for space in objects.spaces
        if objects.labels.intersection(space.metadata.labels or {})
        or space.metadata.name in objects.namespaces
    ]


def _detect_pods(objects: Objects) -> Iterator[tuple[str, str]]:
    """Find pods outside of the namespaces that go anyway."""
    leaving = _namespaces(objects)
    for pod in objects.pods:
        if pod.metadata.namespace not in leaving:
            yield "cluster", f"{pod.metadata.namespace}/{pod.metadata.name}"


def _delete_pod(api: ClusterApi, item: Leftover) -> None:
    namespace, _, name = item.what.partition("/")
    metadata = {"name": name, "namespace": namespace}
    api.delete([{"apiVersion": "v1", "kind": "Pod", "metadata": metadata}])


POD = ClusterTrace(
    kind="pod",
    text="pod still there: {what}",
    stage=Stage.POD,
    detect=_detect_pods,
    repair=_delete_pod,
)

NAMESPACE = ClusterTrace(
    kind="namespace",
    text="namespace still there: {what}",
    stage=Stage.NAMESPACE,
    detect=lambda objects: [("cluster", name) for name in _namespaces(objects)],
    repair=lambda api, item: api.delete(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": item.what}}]
    ),
    settle=lambda api, item: api.wait_namespace_gone(item.what),
)

LABELLED = (NAMESPACE, POD)


def _await_api(reach: Reach, _item: Leftover) -> None:
    def answers() -> bool | Waiting:
        api = reach.api()
        if api is None:
            return Waiting("no control plane gives its credentials over SSH")
        try:
            answer = api.get_raw("/readyz").strip()
        except (StepFailed, ApiException) as error:
            return Waiting(str(error))
        return True if answer == "ok" else Waiting("it says it is not ready")

    seconds = reach.settings.timeouts.api_up
    wait_for("the API to answer", answers, seconds=seconds, setting="api_up", poll_s=2.0)


NO_API = add_trace(
    HiddenTrace(
        kind="api",
        text="the API does not answer, so cordons, namespaces and pods are not known: {detail}",
        stage=Stage.API,
        repair=_await_api,
    )
)
