"""Observes a namespace's autoscalers and the pods that they scale once a second, in a thread."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from kubernetes.client import ApiException

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import condition_is_true
from kubedrill.apps.user_objects import selector_text
from kubedrill.base.errors import DeadlineExceeded
from kubedrill.base.waits import Repeating
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.objects import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedrill.cluster.api import ClusterApi

POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer about one autoscaler; pods are names.

    ``metrics`` is what it saw beside its target, ``share`` the highest of them as a share of the
    target; ``problem`` is what its conditions complain of.
    """

    asked: int
    answered: int
    desired: int
    least: int
    most: int
    pods: frozenset[str]
    ready: frozenset[str]
    metrics: str = ""
    share: float | None = None
    problem: str = ""


class AutoscalerWatch(Repeating):
    """Collects looks while it is entered.

    An API that does not answer widens the bounds and stops nothing.
    """

    def __init__(self, api: ClusterApi, namespace: str) -> None:
        super().__init__(
            [self._observe_again], POLL_S, patience_s=2 * api.settings.timeouts.api_call
        )
        self._api, self._namespace = api, namespace
        self._observations: dict[str, list[Observation]] = {}
        self._selectors: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Look once, so that it is known how it was before the load.

        Raises:
            ApiUnavailable, ApiException: the API does not answer.
        """
        self._observe()
        return super().__enter__()

    def observations(self) -> dict[str, tuple[Observation, ...]]:
        """Return what was seen so far, by the autoscaler's name; empty: the namespace has none."""
        return {name: tuple(observations) for name, observations in self._observations.items()}

    def ready_pods(self) -> int | None:
        """Return how many pods of all that is scaled were ready at the last look.

        None: nothing is scaled.
        """
        return (
            sum(len(observations[-1].ready) for observations in self._observations.values())
            if self._observations
            else None
        )

    def wait_scaled_down(self) -> str:
        """Wait (timeouts.scale_down) until all is as before the load.

        Returns what is still scaled up then, "" for nothing.
        """

        def find_problem() -> str | None:
            excess = {name: find_excess(seen) for name, seen in self.observations().items()}
            return "; ".join(f"{name}: {why}" for name, why in excess.items() if why) or None

        try:
            self._api.wait(
                "the autoscaler to scale down", find_problem, setting="scale_down", poll_s=POLL_S
            )
        except DeadlineExceeded as error:
            return str(error)
        return ""

    def _observe_again(self) -> None:
        # the next look's bounds reach back to the last one that was answered
        with contextlib.suppress(ApiUnavailable, ApiException):
            self._observe()

    def _observe(self) -> None:
        asked = time.monotonic_ns()
        path = f"/apis/autoscaling/v2/namespaces/{self._namespace}/horizontalpodautoscalers"
        for scaler in self._get(path)["items"]:
            pods = self._pods(scaler["spec"]["scaleTargetRef"])
            observation = observe(scaler, pods, asked, time.monotonic_ns())
            self._observations.setdefault(scaler["metadata"]["name"], []).append(observation)

    def _pods(self, target: Mapping[str, str]) -> list[dict[str, Any]]:
        name, plural = target["name"], f"{target['kind'].lower()}s"
        if name not in self._selectors:
            workload = self._get(
                f"/apis/{target['apiVersion']}/namespaces/{self._namespace}/{plural}/{name}"
            )
            self._selectors[name] = quote(selector_text(workload["spec"]["selector"]), safe="=,")
        items: list[dict[str, Any]] = self._get(
            f"/api/v1/namespaces/{self._namespace}/pods?labelSelector={self._selectors[name]}"
        )["items"]
        return items

    def _get(self, path: str) -> Any:
        return json.loads(self._api.get_raw(path))


def find_excess(observations: Sequence[Observation]) -> str | None:
    """Say what the autoscaler has not taken back yet.

    None where it asks for no more than at first and has no more.
    """
    if not observations:
        return None
    first, last = observations[0], observations[-1]
    if last.desired > first.desired:
        return f"{last.desired} pods wanted, {first.desired} before the load"
    return (
        f"{len(last.pods)} pods, {last.desired} wanted" if len(last.pods) > last.desired else None
    )


def observe(
    scaler: Mapping[str, Any], pods: list[dict[str, Any]], asked: int, answered: int
) -> Observation:
    """Make a look from the API's own objects.

    A pod that is being deleted counts until it is gone, but not as ready.
    """
    spec, status = scaler["spec"], scaler.get("status", {})
    measured = list(_metrics(spec.get("metrics", []), status.get("currentMetrics") or []))
    bad = [
        c
        for c in status.get("conditions") or []
        if c["type"] != "ScalingLimited" and c["status"] == "False"
    ]
    return Observation(
        asked=asked,
        answered=answered,
        desired=int(status.get("desiredReplicas") or 0),
        least=int(spec.get("minReplicas") or 1),
        most=int(spec["maxReplicas"]),
        pods=frozenset(pod["metadata"]["name"] for pod in pods),
        ready=frozenset(
            pod["metadata"]["name"]
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"] and condition_is_true(pod, "Ready")
        ),
        metrics=", ".join(text for text, _ in measured),
        share=max((share for _, share in measured), default=None),
        problem="; ".join(
            f"{c['type']}: {c.get('reason', '')}: {c.get('message', '')}" for c in bad
        ),
    )


def _metrics(specs: list[dict[str, Any]], current: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Pair each resource's value with its target: ("cpu 312m of 250m", 1.25)."""
    measured = {
        metric["resource"]["name"]: metric["resource"]["current"]
        for metric in current
        if "resource" in metric
    }
    metrics = []
    for metric in specs:
        resource = metric.get("resource")
        if resource is None or resource["name"] not in measured:
            continue
        kind = "averageValue" if "averageValue" in resource["target"] else "averageUtilization"
        value, target = measured[resource["name"]].get(kind), resource["target"].get(kind)
        if value is None or target is None:
            continue
        unit = "%" if kind == "averageUtilization" else ""
        share = quantity(value) / quantity(target)
        metrics.append((f"{resource['name']} {value}{unit} of {target}{unit} a pod", share))
    return metrics
