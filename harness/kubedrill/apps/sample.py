"""The sample application in the cluster: deploy, roll, look at, remove."""

from __future__ import annotations

import base64
import http.client
import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes.client import ApiException

from kubedrill.apps.application import Application, Endpoints, is_spread
from kubedrill.apps.diagnosis import diagnose, fatal_reason, terminating
from kubedrill.apps.grpc_client import Greeting, say_hello
from kubedrill.base.errors import DeadlineExceeded, StepFailed, UsageError

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.config import Settings

NAMESPACE = "kubedrill-app"
NAME = "hello"
SELECTOR = f"app.kubernetes.io/name={NAME}"
IMAGE = "docker.io/kubedrill/hello"
VERSIONS = ("v1", "v2")
"""The versions whose images a release bundle holds (docs/explanation/architecture.md)."""
NODE_PORT = 30080
GRPC_NODE_PORT = 30090


class SampleApp(Application):
    """The sample application of one cluster. Every method may be called again at any time."""

    name = NAME
    namespace = NAMESPACE
    selector = SELECTOR
    versions = VERSIONS
    description = "the sample application"

    def __init__(self, api: ClusterApi, settings: Settings) -> None:
        super().__init__(api)
        self._settings = settings

    def unfit(self) -> list[str]:
        """Return nothing: its namespace is kubedrill's own."""
        return []

    def deploy(self, version: str = "v1") -> None:
        """Bring the application to ``version``, complete and spread over nodes, and wait for it.

        Raises:
            UsageError: no image of that version is in a release bundle.
            StepFailed: it did not come up; carries pod states, events and log tails.
        """
        objects = self._objects(version)
        if terminating(self._api, self.namespace):
            self._api.wait_namespace_gone(self.namespace)
        self._api.apply(objects[:1])
        try:
            self._api.core.create_namespaced_secret(self.namespace, new_secret())
        except ApiException as error:
            if error.status != 409:  # a running application keeps its token
                raise
        self._api.apply(objects[1:])
        self.wait_ready()
        pods = self._pods()
        if not is_spread(self._api, pods):
            # One is enough: its topology spread lets its successor start on another node only.
            # Nobody asks it yet.
            name = pods[0].metadata.name
            self._api.core.delete_namespaced_pod(name, self.namespace, grace_period_seconds=1)
            self._api.wait(
                f"pod {self.namespace}/{name} to be gone",
                lambda: "it is there" if name in self._pod_names() else None,
                setting="rollout",
            )
            self.wait_ready()

    def roll(self, version: str) -> None:
        """Change the Deployment's image and wait until every pod is of that version.

        Raises as :meth:`deploy`.
        """
        self._api.apply([of_kind(self._objects(version), "Deployment")])
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait (timeouts.rollout) until all replicas, and no others, are ready at the new version.

        Raises:
            StepFailed: they are not; carries pod states, events and log tails.
        """
        try:
            self._api.wait(
                f"Deployment {self.namespace}/{self.name}", self._missing, setting="rollout"
            )
        except (DeadlineExceeded, StepFailed) as error:
            why = diagnose(self._api, self.namespace, self.selector)
            raise StepFailed(f"the sample application is not up: {error}\n{why}") from error

    def endpoints(self) -> Endpoints:
        """Return where it is reached; it must be deployed."""
        outside = self._api.inventory.endpoint_address
        service: Any = self._api.core.read_namespaced_service(self.name, self.namespace)
        address = str(service.spec.cluster_ip)
        return Endpoints(
            node_port=f"http://{outside}:{NODE_PORT}/",
            grpc=f"{outside}:{GRPC_NODE_PORT}",
            service=f"http://{address}/",
            dns_name=f"{self.name}.{self.namespace}.svc.cluster.local.",
            address=address,
        )

    def greet_grpc(self) -> Greeting:
        """Ask the gRPC face through the virtual address.

        Raises StepFailed when it does not answer.
        """
        return say_hello(self.endpoints().grpc, self._settings.timeouts.api_call)

    def token_is_mounted(self) -> bool:
        """Whether the application accepts the Secret's token and refuses another.

        The token is not shown.
        """
        secret = self._api.core.read_namespaced_secret(self.name, self.namespace)
        token = base64.b64decode(secret.data["token"]).decode()
        return self._offer(token) == 200 and self._offer("wrong") == 401

    def remove(self) -> None:
        """Delete the namespace and all in it, and wait until it is gone.

        timeouts.namespace_gone.
        """
        self._api.remove_namespace(self.namespace)

    def _objects(self, version: str) -> list[dict[str, Any]]:
        if version not in VERSIONS:
            known = ", ".join(VERSIONS)
            raise UsageError(
                f"the sample application has no version {version!r}; give one of {known}"
            )
        return load(version)

    def _pod_names(self) -> set[str]:
        return {pod.metadata.name for pod in self._pods()}

    def _missing(self) -> str | None:
        problem = self._api.rollout_problem("Deployment", self.namespace, self.name)
        if problem and (reason := fatal_reason(self._pods())):
            raise StepFailed(
                f"{reason}. The nodes take images from the release bundle: run site.yml again."
            )
        return problem

    def _offer(self, token: str) -> int:
        connection = http.client.HTTPConnection(
            self._api.inventory.endpoint_address,
            NODE_PORT,
            timeout=self._settings.timeouts.api_call,
        )
        try:
            connection.request("GET", "/token", headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise StepFailed(
                f"the application did not answer on node port {NODE_PORT}: {error!r}"
            ) from error
        finally:
            connection.close()


def load(version: str) -> list[dict[str, Any]]:
    """Return all objects but the Secret, in the order in which they are applied."""
    text = files(__package__).joinpath("sample.yaml").read_text(encoding="utf-8")
    objects = [obj for obj in yaml.safe_load_all(text) if obj]
    deployment = of_kind(objects, "Deployment")
    template = deployment["spec"]["template"]
    template["metadata"]["labels"]["app.kubernetes.io/version"] = version
    template["spec"]["containers"][0]["image"] = f"{IMAGE}:{version}"
    return objects


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the first object of a kind."""
    return next(obj for obj in objects if obj["kind"] == kind)


def new_secret() -> dict[str, Any]:
    """Make a Secret with a fresh random token.

    It exists in the cluster only, in no file and no log.
    """
    token = base64.b64encode(secrets.token_urlsafe(32).encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {"token": token},
    }
