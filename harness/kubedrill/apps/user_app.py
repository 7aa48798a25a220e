"""An application of the user's own in the cluster: put there by kubedrill, or by its owner."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException

from kubedrill.apps.application import Application, Endpoints, is_spread, restart
from kubedrill.apps.diagnosis import diagnose, refusal, terminating
from kubedrill.apps.render import label
from kubedrill.apps.user_objects import find_mistakes, selector_text, workload, workloads
from kubedrill.base.errors import DeadlineExceeded, StepFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.config.app import AppSettings

SPREAD_AGAIN = "kubedrill/spread-again"
"""Annotation of a pod template whose pods were placed anew."""
APPLIED_LABEL = "kubedrill.io/applied"
"""What kubedrill put into the cluster for an application of the user's own carries it; nothing else
is ever removed."""


class UserApp(Application):
    """What the section ``app:`` of the configuration names.

    Every method may be called again at any time.
    """

    def __init__(
        self, api: ClusterApi, app: AppSettings, objects: Sequence[dict[str, Any]]
    ) -> None:
        super().__init__(api)
        self._app, self._rendered = app, objects
        self.kind, self.name, self.namespace, self.description = (
            app.kind,
            app.name,
            app.namespace,
            app.description,
        )

    @property
    def selector(self) -> str:
        """Label selector of the workload's pods, as it was rendered or as it is in the cluster."""
        rendered = workload(self._app, self._rendered)
        selector: Any = (
            rendered["spec"]["selector"]
            if rendered
            else self._plain(self._workload().spec.selector)
        )
        return selector_text(selector)

    def unfit(self) -> list[str]:
        """What is missing where its owner deployed it.

        What is another's where kubedrill would put it. Reads only.
        """
        if self._app.deployed:
            return find_mistakes(self._app, self._live_objects())
        return [
            f"{label(obj)} is on the cluster already, and kubedrill did not put it there: remove "
            "it, or set "
            "app.deployed: true to drill what is there"
            for obj in self._objects()
            if obj["kind"] != "Namespace" and self._is_ours(obj) is False
        ]

    def deploy(self) -> None:
        """Apply it and wait until all of it is complete.

        One that its owner deployed is only waited for.

        Raises:
            StepFailed: it is not there, would overwrite another's objects, was refused, or did not
                come up.
        """
        problems = self.unfit()
        if problems:
            raise StepFailed("; ".join(problems))
        if self._app.deployed:
            self.wait_ready()
            return
        if terminating(self._api, self.namespace):
            self._api.wait_namespace_gone(self.namespace)
        try:
            self._apply()
        except StepFailed:
            self.remove()
            raise
        self.wait_ready()
        if not is_spread(self._api, self._pods()):
            restart(self._api, self.kind, self.namespace, self.name, SPREAD_AGAIN)
            self.wait_ready()

    def roll(self, version: str) -> None:
        """Raise UsageError: kubedrill knows one version of it only."""
        raise UsageError(
            f"{self.description} cannot be rolled to {version}: kubedrill knows one version of it "
            "only"
        )

    def wait_ready(self) -> None:
        """Wait (timeouts.rollout) until every workload of it is complete.

        Raises:
            StepFailed: they are not; carries pod states, events and log tails.
        """
        for kind, name in workloads(self._rendered) or [(self.kind, self.name)]:
            try:
                self._api.wait_rollout(kind, self.namespace, name)
            except (DeadlineExceeded, StepFailed) as error:
                raise StepFailed(
                    f"{self.description} is not up: "
                    f"{error}\n{diagnose(self._api, self.namespace, '')}"
                ) from error

    def endpoints(self) -> Endpoints:
        """Return the addresses of ``app.endpoints``; the Service must exist."""
        outside, inside = self._app.endpoints.outside, self._app.endpoints.inside
        service: Any = self._api.core.read_namespaced_service(inside.service, self.namespace)
        address = str(service.spec.cluster_ip)
        node = _in_url(self._api.inventory.endpoint_address)
        return Endpoints(
            node_port=outside.url or f"{outside.scheme}://{node}:{outside.node_port}{outside.path}",
            service=f"{inside.scheme}://{_in_url(address)}:{inside.port}{inside.path}",
            dns_name=f"{inside.service}.{self.namespace}.svc.cluster.local.",
            address=address,
            asked_outside=(
                ("kind", "http-status"),
                ("host", outside.host),
                ("verify", outside.verify),
            ),
            asked_inside=(
                ("kind", "http-status"),
                ("host", inside.host),
                ("verify", inside.verify),
            ),
        )

    def remove(self) -> None:
        """Delete what kubedrill applied, and wait until it is gone.

        The namespace goes only where kubedrill made it.

        One that its owner deployed stays as it is.
        """
        if self._app.deployed:
            return
        mine = [obj for obj in (self._namespace(), *self._objects()) if self._is_ours(obj)]
        self._api.delete(mine)
        if any(obj["kind"] == "Namespace" for obj in mine):
            self._api.wait_namespace_gone(self.namespace)
            mine = [
                obj
                for obj in mine
                if "namespace" not in obj["metadata"] and obj["kind"] != "Namespace"
            ]
        self._api.wait(
            f"{self.description} to be gone",
            lambda: ", ".join(label(obj) for obj in mine if self._api.read(obj)) or None,
            setting="namespace_gone",
        )

    def _objects(self) -> list[dict[str, Any]]:
        """What was rendered, marked as ours, each in its namespace.

        The namespace itself comes apart.
        """
        objects = []
        for rendered in self._rendered:
            obj = deepcopy(rendered)
            if obj["kind"] == "Namespace" and obj["metadata"]["name"] == self.namespace:
                continue
            _mark(obj)
            if self._api.namespaced(obj):
                obj["metadata"]["namespace"] = self.namespace
            objects.append(obj)
        return objects

    def _namespace(self) -> dict[str, Any]:
        """The namespace as it was rendered, else a plain one; marked as ours."""
        plain = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        rendered = (obj for obj in self._rendered if obj["kind"] == "Namespace")
        return _mark(
            deepcopy(
                next((obj for obj in rendered if obj["metadata"]["name"] == self.namespace), plain)
            )
        )

    def _apply(self) -> None:
        """Apply in order. A namespace that was there before is its owner's, and left as it is."""
        namespace = self._namespace()
        first = [] if self._is_ours(namespace) is False else [namespace]
        for obj in (*first, *self._objects()):
            try:
                self._api.apply([obj])
            except ApiException as error:
                raise StepFailed(f"{label(obj)} was refused: {refusal(error)}") from error

    def _is_ours(self, obj: dict[str, Any]) -> bool | None:
        """Whether kubedrill applied the object in the cluster; None where there is none."""
        live = self._api.read(obj)
        return None if live is None else APPLIED_LABEL in (live["metadata"].get("labels") or {})

    def _live_objects(self) -> list[dict[str, Any]]:
        """The workloads and Services that its owner has in the namespace, as plain objects."""
        lists = {
            "Deployment": self._api.apps.list_namespaced_deployment,
            "StatefulSet": self._api.apps.list_namespaced_stateful_set,
            "Service": self._api.core.list_namespaced_service,
        }
        return [
            {**self._plain(item), "kind": kind}
            for kind, listed in lists.items()
            for item in listed(self.namespace).items
        ]

    def _plain(self, item: Any) -> Any:
        return self._api.client.sanitize_for_serialization(item)


def _mark(obj: dict[str, Any]) -> dict[str, Any]:
    obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), APPLIED_LABEL: "own-app"}
    return obj


def _in_url(address: str) -> str:
    """Write an address as a URL has it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
