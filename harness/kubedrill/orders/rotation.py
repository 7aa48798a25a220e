"""What of the order service is rotated while it serves.

Its logins, its greeting, the certificate of its ingress.

Queue and database know two logins, a and b, and web and workers use one of them. A rotation lets
the other one in, moves everybody there, and invalidates the first one once it is no longer
used. Each step is decided by what the Secrets say now, so that a rotation that was killed anywhere
is finished by the next one.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from kubedrill.apps.application import restart
from kubedrill.base.errors import UsageError
from kubedrill.cluster.objects import pod_is_ready
from kubedrill.orders import manifests
from kubedrill.orders.certificates import Certificates
from kubedrill.orders.ingress_view import IngressView
from kubedrill.orders.service import OrderService

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.config import Settings

TARGET = "kubedrill.io/rotating-to"
"""Annotation of Secret ``database`` while a rotation of the logins is under way: the side that it
goes to."""
ROTATED_AT = "kubedrill.io/rotated-at"
"""Annotation of a pod template: a new value makes new pods, which have the Secrets of now."""
MONITOR_PORT = 8222
"""Of a queue server (harness/kubedrill/orders/manifests_base/config.yaml)."""
MAX_GREETING = 200


class Rotation:
    """Rotates credentials of one cluster's order service; ``log`` is called with each step."""

    def __init__(
        self, api: ClusterApi, settings: Settings, log: Callable[[str], object] = lambda _: None
    ) -> None:
        self._api, self._log = api, log
        self._service = OrderService(api, settings)

    def live_greeting(self) -> str:
        """Return what the ConfigMap says now."""
        return str(
            self._api.core.read_namespaced_config_map(manifests.GREETING, manifests.NAMESPACE).data[
                "greeting"
            ]
        )

    def side(self) -> str:
        """Return the login, "a" or "b", that the Secrets name for web and workers now."""
        return "b" if self._login("database") == manifests.DATABASE_USERS["b"] else "a"

    def finish(self) -> None:
        """Finish a rotation of logins that was begun; where there is none, do nothing.

        Raises as :meth:`logins`.
        """
        if TARGET in self._annotations("database"):
            self.logins()

    def greeting(self, text: str) -> None:
        """Change the greeting, and wait (timeouts.rollout) until every web pod greets with it.

        No pod is restarted: the kubelet replaces the mounted file within its sync period (1 min by
        default).

        Raises:
            UsageError: no text to greet with, or no order service: nothing was touched.
            StepFailed: some pod still greets as before.
        """
        if not text or len(text) > MAX_GREETING or not text.isprintable():
            raise UsageError(
                f"the greeting {text[:40]!r} is not one line of 1 to {MAX_GREETING} characters"
            )
        self._version()
        self._log("ConfigMap orders gets the greeting")
        body = {"data": {"greeting": text}}
        self._api.core.patch_namespaced_config_map(manifests.GREETING, manifests.NAMESPACE, body)
        self._service.wait_for("every web pod to greet anew", lambda: self._other_greetings(text))

    def certificate(self) -> int:
        """Give the ingress a new certificate, and wait (timeouts.rollout) until all serve it.

        No pod is restarted: the kubelet replaces the mounted files within its sync period (1 min by
        default).

        Raises:
            UsageError: the order service is not deployed, or not complete: nothing was touched.
            StepFailed: it was not issued, or some address still serves another one.
        """
        self._version()
        certificates = Certificates(self._api)
        serial = certificates.rotate()
        self._log(f"certificate {serial:x} is issued")
        view = IngressView(self._api.inventory, certificates.authority())
        self._service.wait_for(
            "the new certificate to be served everywhere", lambda: view.find_mismatch(serial)
        )
        return serial

    def logins(self) -> str:
        """Give web and workers new logins to queue, database and cache; revoke the old ones.

        Returns the side, "a" or "b", that is in use now.

        Raises:
            UsageError: the order service is not deployed, or not complete: nothing was touched.
            StepFailed: a step did not end, and the application goes on with the login it has. Run
                it again.
        """
        version = self._version()
        target = self._begin()
        self._switch(target, version)
        for name in ("cache", "worker", "web"):
            self._roll("Deployment", name)
        self._retire("b" if target == "a" else "a", version)
        self._patch("database", {}, {TARGET: None})
        self._service.wait_ready(version)
        return target

    def _version(self) -> str:
        status = self._service.status()
        if status is None:
            raise UsageError("the order service is not deployed: kubedrill app deploy")
        if status.problem and TARGET not in self._annotations("database"):
            raise UsageError(
                f"the order service is not complete: {status.problem}. Run: kubedrill app deploy"
            )
        return status.version

    def _begin(self) -> str:
        """Return the side that the logins go to.

        That of a rotation that was interrupted, if there is one.
        """
        if target := self._annotations("database").get(TARGET):
            self._log(f"an interrupted rotation to login {target} is finished")
            return str(target)
        target = "a" if self.side() == "b" else "b"
        new = f"{manifests.DATABASE_USERS[target]}:{manifests.new_password()}"
        self._patch("database", {"next-login": new}, {TARGET: target})
        return target

    def _switch(self, target: str, version: str) -> None:
        """Let the new login in, then say in the Secrets that it is the one to use."""
        if self._login("database") != manifests.DATABASE_USERS[target]:
            self._log("the database lets the new login in")
            self._service.migrate_again(version)
            secret = self._read("database")
            self._patch("database", {"login": secret["next-login"], "next-login": secret["login"]})
        password = self._read("queue")[f"password-{target}"]
        self._patch("queue", {"login": f"{manifests.QUEUE_USERS[target]}:{password}"})
        self._patch("cache", manifests.cache_secret())

    def _retire(self, old: str, version: str) -> None:
        """Shut the old login out.

        The queue's becomes the spare one, with a new password.
        """
        unused = manifests.QUEUE_USERS[old]
        self._service.wait_for(
            f"nobody to be at the queue as {unused}", lambda: self._queue_clients(unused)
        )
        self._log("the database shuts the old login out")
        self._patch("database", {"next-login": ""})
        self._service.migrate_again(version)
        self._patch("queue", {f"password-{old}": manifests.new_password()})
        self._roll("StatefulSet", "queue")

    def _roll(self, kind: str, name: str) -> None:
        """Replace a workload's pods by its update strategy, and wait (timeouts.rollout)."""
        self._log(f"new {name} pods")
        restart(self._api, kind, manifests.NAMESPACE, name, ROTATED_AT)
        self._service.wait_for(
            f"{name} to be complete with new pods",
            lambda: self._api.rollout_problem(kind, manifests.NAMESPACE, name),
        )

    def _queue_clients(self, user: str) -> str | None:
        clients = []
        for pod in self._ready("queue"):
            output = self._api.pod_get(
                manifests.NAMESPACE, pod, "/connz?auth=1&limit=1024", MONITOR_PORT
            )
            connections = json.loads(output).get("connections") or []
            clients += [
                f"{c.get('name') or c['ip']} at {pod}"
                for c in connections
                if c.get("authorized_user") == user
            ]
        return ", ".join(clients) or None

    def _other_greetings(self, text: str) -> str | None:
        greetings = {
            pod: json.loads(self._api.pod_get(manifests.NAMESPACE, pod))["greeting"]
            for pod in self._ready("web")
        }
        return (
            "; ".join(f"{pod} says {words!r}" for pod, words in greetings.items() if words != text)
            or None
        )

    def _ready(self, name: str) -> list[str]:
        pods = self._api.pods(manifests.NAMESPACE, f"app.kubernetes.io/name={name}")
        return [pod.metadata.name for pod in pods if pod_is_ready(pod)]

    def _login(self, secret: str) -> str:
        return self._read(secret)["login"].partition(":")[0]

    def _read(self, name: str) -> dict[str, str]:
        data = self._api.core.read_namespaced_secret(name, manifests.NAMESPACE).data
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def _annotations(self, name: str) -> dict[str, Any]:
        return (
            self._api.core.read_namespaced_secret(name, manifests.NAMESPACE).metadata.annotations
            or {}
        )

    def _patch(
        self, name: str, values: dict[str, str], annotations: dict[str, str | None] | None = None
    ) -> None:
        body = {"stringData": values, "metadata": {"annotations": annotations or {}}}
        self._api.core.patch_namespaced_secret(name, manifests.NAMESPACE, body)
