"""Why the application did not come up, in Kubernetes' own words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Protocol

from kubernetes.client import ApiException

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.object_client import missing_is_fine

LOG_LINES = 10
EVENTS = 8

FATAL = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
    }
)
"""Reasons of a waiting container that time does not cure here: images are on the nodes, nothing is
pulled."""


class Api(Protocol):
    """What is needed of :class:`kubedrill.cluster.api.ClusterApi`."""

    core: Any

    def pods(self, namespace: str = "", selector: str = "", node: str = "") -> list[Any]:
        """Return pods."""

    def events(self, namespace: str = "", since: str = "") -> list[Any]:
        """Return events, oldest first."""


def container_state(status: Any) -> str:
    """Describe a V1ContainerStatus; "" for a ready container."""
    if status.ready:
        return ""
    state, last = status.state, status.last_state
    text = ""
    if state and state.waiting:
        text = f"waiting: {state.waiting.reason} {state.waiting.message or ''}".strip()
    elif state and state.terminated:
        text = f"ended: {state.terminated.reason}, exit code {state.terminated.exit_code}"
    elif state and state.running:
        text = "running, not ready"
    if last and last.terminated:
        text += f"; ended before: {last.terminated.reason}, exit code {last.terminated.exit_code}"
    return f"{text} ({status.restart_count} restarts)"


def fatal_reason(pods: list[Any]) -> str:
    """Return the reason of a container that will not start however long one waits, or nothing."""
    for pod in pods:
        for status in pod.status.container_statuses or []:
            waiting = status.state.waiting if status.state else None
            if waiting and waiting.reason in FATAL:
                where = f"pod {pod.metadata.name} on {pod.spec.node_name}"
                return f"{where}: {waiting.reason} {waiting.message or ''}".strip()
    return ""


def refusal(error: ApiException) -> str:
    """Return the API server's refusal after its status: "422 Deployment.apps is invalid: …"."""
    try:
        text = json.loads(error.body or "")["message"]
    except (ValueError, KeyError, TypeError):
        text = str(error.reason or "no reason given")
    return f"{error.status} {text}"


def diagnose(api: Api, namespace: str, selector: str) -> str:
    """Return lines about pods that are not ready, their log tails, and the namespace's warnings."""
    lines: list[str] = []
    try:
        pods = api.pods(namespace, selector)
        for pod in pods:
            lines += _pod(api, pod)
        warnings = [event for event in api.events(namespace) if event.type == "Warning"]
        lines += [
            f"  event: {event.involved_object.kind} {event.involved_object.name}: {event.reason}: "
            f"{event.message}"
            for event in warnings[-EVENTS:]
        ]
    except (StepFailed, ApiException) as error:
        lines.append(f"  the API could not be asked why: {str(error).splitlines()[0]}")
    return "\n".join(lines) or "  no pods, no events: is the controller manager running?"


def _pod(api: Api, pod: Any) -> list[str]:
    states = [
        text for status in pod.status.container_statuses or [] if (text := container_state(status))
    ]
    unscheduled = [
        condition.message or condition.reason
        for condition in pod.status.conditions or []
        if condition.type == "PodScheduled" and condition.status != "True"
    ]
    if not states and not unscheduled:
        return []
    where = f" on {pod.spec.node_name}" if pod.spec.node_name else ""
    lines = [
        f"  pod {pod.metadata.name}{where} ({pod.status.phase}): {'; '.join(states + unscheduled)}"
    ]
    # a container that never started has no log; its state above says why
    with suppress(ApiException):
        log: str = api.core.read_namespaced_pod_log(
            pod.metadata.name, pod.metadata.namespace, tail_lines=LOG_LINES
        )
        lines += [f"    log: {line}" for line in log.splitlines() if states]
    return lines


def terminating(api: Api, namespace: str) -> bool:
    """Whether a namespace is being deleted; nothing can be put into it until it is gone."""
    with missing_is_fine():
        return api.core.read_namespace(namespace).metadata.deletion_timestamp is not None
    return False
