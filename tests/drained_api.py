"""An API server in memory for drains, whose answers are those of a real one.

It has one node, pods on it, and disruption budgets whose arithmetic is done at once, as the API
server and the disruption controller do it between them. Time is the test's.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servers import Handler

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import (
    Answer,
    ApiUnavailable,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import selects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NODE = "w1"
_LIST = "/api/v1/pods?fieldSelector=spec.nodeName%3D"
_EVICTION = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/eviction")
_DAEMON_SET = re.compile(r"/apis/apps/v1/namespaces/([^/]+)/daemonsets/([^/]+)")
_NUMBERS = itertools.count(1)


def make_pod(
    name: str,
    *,
    namespace: str = "shop",
    app: str = "web",
    owner: str = "ReplicaSet",
    phase: str = "Running",
    ready: bool = True,
    ending: bool = False,
    mirror: bool = False,
    scratch: bool = False,
    grace: int = 30,
    tolerates: bool = False,
) -> dict[str, Any]:
    """A pod as the API writes it; ``owner`` "" is nobody's."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": f"{name}-{next(_NUMBERS)}",
        "labels": {"app": app},
    }
    if owner:
        reference = {"apiVersion": "apps/v1", "kind": owner, "name": app, "controller": True}
        metadata["ownerReferences"] = [reference]
    if mirror:
        metadata["annotations"] = {"kubernetes.io/config.mirror": "x"}
    if ending:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    spec: dict[str, Any] = {"nodeName": NODE, "terminationGracePeriodSeconds": grace}
    if scratch:
        spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    if tolerates:
        spec["tolerations"] = [{"operator": "Exists"}]
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": phase, "conditions": [condition]},
    }


def make_budget(name: str, least: int, app: str = "web", namespace: str = "shop") -> dict[str, Any]:
    """A budget by which ``least`` pods of an app must stay healthy."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}},
    }


def make_status(code: int, message: str, *causes: tuple[str, str]) -> Answer:
    """A Status object that says Failure, with causes of (reason, message)."""
    body = {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "message": message,
        "details": {"causes": [{"reason": reason, "message": text} for reason, text in causes]},
    }
    return Answer(code, body)


CANNOT = "Cannot evict pod as it would violate the pod's disruption budget."
SEVERAL = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


@dataclass
class DrainedApi:
    """The API server. ``answers`` are given in turn to requests for a path before its own.

    An answer that is an error is raised; with ``after`` the request is done nevertheless.
    """

    pods: list[dict[str, Any]] = field(default_factory=list)
    budgets: list[dict[str, Any]] = field(default_factory=list)
    elsewhere: dict[str, int] = field(default_factory=dict)
    """Healthy pods on other nodes by app; what is evicted is replaced there."""
    daemon_sets: set[str] = field(default_factory=lambda: {"shop/web"})
    now: Callable[[], float] = lambda: 0.0
    start_s: float = 0.0
    """Seconds until a replacement is healthy."""
    cordoned: bool = False
    answers: dict[str, list[Answer | Exception]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    terminating: set[str] = field(default_factory=set)
    _ends: dict[str, float] = field(default_factory=dict)
    _starts: list[tuple[float, str]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Answer one request."""
        self.asked.append((method, path))
        planned = self.answers.get(path)
        if planned:
            answer = planned.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        self.tick()
        return self._answer(method, path, body)

    def tick(self) -> None:
        """Let end what has had its grace period, and let its replacement start."""
        for uid in [uid for uid, end in self._ends.items() if self.now() >= end]:
            del self._ends[uid]
            (pod,) = (pod for pod in self.pods if pod["metadata"]["uid"] == uid)
            self.pods.remove(pod)
            if pod["metadata"].get("ownerReferences") and pod["status"]["phase"] == "Running":
                self._starts.append((self.now() + self.start_s, _app(pod)))
        for start in [start for start in self._starts if self.now() >= start[0]]:
            self._starts.remove(start)
            self.elsewhere[start[1]] = self.elsewhere.get(start[1], 0) + 1

    def healthy(self, app: str) -> int:
        """How many pods of an app are healthy, here and elsewhere."""
        return self.elsewhere.get(app, 0) + sum(
            _app(pod) == app
            and pod["status"]["phase"] == "Running"
            and pod["status"]["conditions"][0]["status"] == "True"
            and "deletionTimestamp" not in pod["metadata"]
            for pod in self.pods
        )

    def _answer(self, method: str, path: str, body: Any) -> Answer:
        if path == f"/api/v1/nodes/{NODE}":
            if method == "PATCH":
                self.cordoned = bool(body["spec"]["unschedulable"])
            return Answer(200, {"spec": {"unschedulable": True} if self.cordoned else {}})
        if path.startswith(_LIST):
            pods = self.pods if path == f"{_LIST}{NODE}" else []
            return Answer(200, {"items": json.loads(json.dumps(pods, default=str))})
        if path == "/apis/policy/v1/poddisruptionbudgets":
            return Answer(200, {"items": [self._counted(budget) for budget in self.budgets]})
        if match := _DAEMON_SET.fullmatch(path):
            there = f"{match[1]}/{match[2]}" in self.daemon_sets
            return Answer(200, {}) if there else make_status(404, "daemonsets.apps not found")
        if (match := _EVICTION.fullmatch(path)) and method == "POST":
            return self._evict(match[1], match[2], body)
        return make_status(404, f"{path} not found")

    def _counted(self, budget: dict[str, Any]) -> dict[str, Any]:
        app = budget["spec"]["selector"]["matchLabels"]["app"]
        healthy, least = self.healthy(app), budget["spec"]["minAvailable"]
        status = {
            "currentHealthy": healthy,
            "desiredHealthy": least,
            "expectedPods": healthy + sum(start[1] == app for start in self._starts),
            "disruptionsAllowed": max(0, healthy - least),
        }
        return {**budget, "status": status}

    def _evict(self, namespace: str, name: str, body: Any) -> Answer:
        pod = next((p for p in self.pods if _is(p, namespace, name)), None)
        if namespace in self.terminating:
            words = f"namespace {namespace} is being terminated"
            return make_status(403, f"forbidden: {words}", ("NamespaceTerminating", words))
        if pod is None:
            return make_status(404, f'pods "{name}" not found')
        uid = pod["metadata"]["uid"]
        if body["deleteOptions"]["preconditions"]["uid"] != uid:
            return make_status(409, "the UID in the precondition does not match")
        refusal = None if _is_not_protected(pod) else self._refuse(pod)
        if refusal:
            return refusal
        assert uid not in self.accepted, f"{name} is evicted twice"
        self.accepted.append(uid)
        pod["metadata"]["deletionTimestamp"] = "now"
        self._ends[uid] = self.now() + pod["spec"].get("terminationGracePeriodSeconds", 0)
        return Answer(201, {"kind": "Status", "status": "Success", "code": 201})

    def _refuse(self, pod: dict[str, Any]) -> Answer | None:
        budgets = [
            self._counted(budget)
            for budget in self.budgets
            if budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and selects(budget["spec"]["selector"], pod["metadata"].get("labels") or {})
        ]
        if len(budgets) > 1:
            return make_status(500, SEVERAL)
        for budget in budgets:
            status, name = budget["status"], budget["metadata"]["name"]
            ready = pod["status"]["conditions"][0]["status"] == "True"
            if not ready and status["currentHealthy"] >= status["desiredHealthy"] > 0:
                continue
            if not status["disruptionsAllowed"]:
                self.refused.append(name)
                words = (
                    f"The disruption budget {name} needs {status['desiredHealthy']} healthy pods "
                    f"and has {status['currentHealthy']} currently"
                )
                return make_status(429, CANNOT, ("DisruptionBudget", words))
        return None


@dataclass
class Unreliable:
    """An API whose n-th requests have no answer: some are lost before, some after they were done.

    ``fates`` are taken in turn: "" lets a request through.
    """

    api: DrainedApi
    fates: Iterable[str]

    def __post_init__(self) -> None:
        self._fates = iter(self.fates)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Answer one request, or lose it."""
        fate = next(self._fates, "")
        if fate == "before":
            raise ApiUnavailable("connection refused")
        answer = self.api.ask(method, path, body)
        if fate == "after":
            raise ApiUnavailable("connection reset")
        return answer


class DrainedHandler(Handler):
    """Serves a DrainedApi, an attribute, over HTTP/1.1 with connections that are kept."""

    api: DrainedApi
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self.api.ask(self.command, self.path, json.loads(text) if text else None)
        body = json.dumps(answer.body).encode()
        self.send_json(answer.status, body, **{"Content-Length": str(len(body))})


def _app(pod: dict[str, Any]) -> str:
    return str((pod["metadata"].get("labels") or {}).get("app", ""))


def _is(pod: dict[str, Any], namespace: str, name: str) -> bool:
    return (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name)


def _is_not_protected(pod: dict[str, Any]) -> bool:
    return (
        pod["status"]["phase"] in {"Pending", "Succeeded", "Failed"}
        or "deletionTimestamp" in pod["metadata"]
    )
