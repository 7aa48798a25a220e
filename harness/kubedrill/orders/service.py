"""The order service in the cluster.

Deploy, inspect, remove. docs/explanation/order-service.md describes its parts.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException

from kubedrill.apps.diagnosis import diagnose, refusal, terminating
from kubedrill.base.errors import DeadlineExceeded, KubedrillError, StepFailed, UsageError
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.object_client import missing_is_fine
from kubedrill.cluster.objects import condition_is_true
from kubedrill.cluster.playbooks import run_playbook
from kubedrill.orders import manifests
from kubedrill.orders.certificates import Certificates
from kubedrill.orders.migration import Migration, job
from kubedrill.orders.progress import POLL_S, Completeness, timeline
from kubedrill.orders.status import Component, OrdersStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

IMAGES_PLAYBOOK = "orders_images.yml"
NODES_NEEDED = 3
"""Each member of queue and database runs on another node."""


def import_images(inventory: Inventory, settings: Settings) -> int:
    """Import the images on every node that lacks them (timeouts.playbook).

    Returns how many nodes did.

    Raises:
        StepFailed: a node or its disk refused; carries Ansible's words.
    """
    return run_playbook(inventory, IMAGES_PLAYBOOK, timeout_s=settings.timeouts.playbook).changed


class OrderService:
    """The order service of one cluster. Every method may be called again at any time.

    ``log`` is called with each step of :meth:`deploy`.
    """

    namespace = manifests.NAMESPACE

    def __init__(
        self, api: ClusterApi, settings: Settings, log: Callable[[str], object] = lambda _: None
    ) -> None:
        self._api, self._settings, self._log = api, settings, log

    def deploy(self, version: str = "v1") -> None:
        """Bring the application to ``version`` and wait for it.

        What is right already is left alone.

        What a first deployment made is removed again when it does not come up. Of a new version
        that does not come up the old pods go on serving.

        Raises:
            UsageError: no such version, too few nodes, no default StorageClass: nothing was
                touched.
            StepFailed: it did not come up; carries pod states, events and log tails.
        """
        self._require_deployable(version)
        if terminating(self._api, self.namespace):
            self._api.wait_namespace_gone(self.namespace)
        objects, known = manifests.load(version), {pod.metadata.uid for pod in self._pods()}
        first = self._live_web() is None
        self._keep_what_changed(objects)
        try:
            self._bring_up(objects, version, first=first)
        except StepFailed as reason:
            if first:
                try:
                    self.remove()
                except KubedrillError as error:
                    raise StepFailed(
                        f"{reason}\nIt could not be removed again: {error}. "
                        "Run: kubedrill app remove"
                    ) from error
            raise
        # it is complete, whether or not its pods can be listed
        with contextlib.suppress(ApiUnavailable):
            for line in timeline(self._pods(), known):
                self._log(f"  {line}")

    def _bring_up(self, objects: list[dict[str, Any]], version: str, *, first: bool) -> None:
        """Apply everything, what takes longest first.

        Volumes are made and the database is founded meanwhile.
        """
        self._apply(objects[:2])
        self._ensure_secrets()
        Migration(self._api, version).clear_failed()
        if not first:
            self._migrate(objects, version)
            self._log("the database has this version's form")
        data = manifests.count_data_objects(objects)
        self._apply(objects[2:data])
        self._log("database and queue are on their way")
        Certificates(self._api).ensure()
        self._apply(objects[data:])
        self._log("everything else is on its way")
        self.wait_ready(version)

    def wait_ready(self, version: str) -> None:
        """Wait (timeouts.rollout) until every part is complete and the migration has run.

        Raises:
            StepFailed: it is not; carries pod states, events and log tails.
        """
        self.wait_for(
            "the order service", Completeness(self._api, version, self._log).missing, poll_s=POLL_S
        )

    def status(self) -> OrdersStatus | None:
        """Return what is deployed now, or None when nothing is."""
        web = self._live_web()
        if web is None:
            return None
        pods = [pod for pod in self._pods() if pod.metadata.deletion_timestamp is None]
        primary = [
            p.metadata.name
            for p in pods
            if (p.metadata.labels or {}).get("kubedrill/role") == "primary"
        ]
        claims = self._api.core.list_namespaced_persistent_volume_claim(self.namespace).items
        return OrdersStatus(
            version=web.spec.template.spec.containers[0].image.rpartition(":")[2],
            components=tuple(
                self._component(kind, name, pods) for kind, name in manifests.workloads()
            ),
            primary=primary[0] if len(primary) == 1 else "",
            volumes=len(claims),
        )

    def remove(self, *, keep_volumes: bool = False) -> None:
        """Delete everything, volumes included, and wait until it is gone (timeouts.namespace_gone).

        With ``keep_volumes`` the volumes and the passwords that open them stay, for a later
        :meth:`deploy`.

        Raises:
            DeadlineExceeded: something is left; says what.
        """
        objects = manifests.load(manifests.VERSIONS[0])
        if keep_volumes:
            jobs = [job(manifests.migration(version)) for version in manifests.VERSIONS]
            self._api.delete([*[obj for obj in objects[1:] if obj["kind"] != "Job"], *jobs])
            self._api.wait(
                "the order service's pods to be gone",
                lambda: ", ".join(pod.metadata.name for pod in self._pods()) or None,
                setting="namespace_gone",
            )
            return
        self._api.delete(objects[:2])
        self._api.wait_namespace_gone(self.namespace)
        self._api.wait(
            "the order service's volumes to be gone", self._volumes_left, setting="namespace_gone"
        )

    def _apply(self, objects: list[dict[str, Any]]) -> None:
        """Apply objects; one that the API server refuses is named with its reason."""
        for obj in objects:
            try:
                self._api.apply([obj])
            except ApiException as error:
                reason = refusal(error)
                raise StepFailed(
                    f"{obj['kind']} {obj['metadata']['name']} was refused: {reason}"
                ) from error

    def _require_deployable(self, version: str) -> None:
        mistakes = []
        if version not in manifests.VERSIONS:
            mistakes.append(
                f"the order service has no version {version!r}; give one of "
                f"{', '.join(manifests.VERSIONS)}"
            )
        ready = [node.metadata.name for node in self._api.nodes() if self._api.ready(node)]
        if len(ready) < NODES_NEEDED:
            mistakes.append(
                f"{len(ready)} nodes are ready ({', '.join(ready)}); queue and database need "
                f"{NODES_NEEDED}"
            )
        classes = self._api.storage.list_storage_class().items
        annotation = "storageclass.kubernetes.io/is-default-class"
        if not any((each.metadata.annotations or {}).get(annotation) == "true" for each in classes):
            mistakes.append(
                "the cluster has no default StorageClass: mark one with the annotation "
                f"{annotation}=true"
            )
        if mistakes:
            raise UsageError("; ".join(mistakes))

    def _migrate(self, objects: list[dict[str, Any]], version: str) -> None:
        """Bring the database to the new form before any new pod starts.

        The old version copes with it.
        """
        self._apply([manifests.named(objects, "Job", manifests.migration(version))])
        self.wait_for("the migration", Migration(self._api, version).missing)

    def migrate_again(self, version: str) -> None:
        """Run a version's migration again.

        It also lets in whom the Secrets have, and shuts out whom they had.

        Raises:
            StepFailed: it failed; carries its log.
        """
        Migration(self._api, version).clear()
        self._migrate(manifests.load(version), version)

    def wait_for(self, what: str, missing: Callable[[], str | None], poll_s: float = 0.5) -> None:
        """Wait (timeouts.rollout) until nothing is missing, checking every ``poll_s`` seconds.

        Raises:
            StepFailed: something still is; carries pod states, events and log tails.
        """
        try:
            self._api.wait(what, missing, setting="rollout", poll_s=poll_s)
        except (DeadlineExceeded, StepFailed) as error:
            why = diagnose(self._api, self.namespace, manifests.SELECTOR)
            raise StepFailed(f"{what} is not up: {error}\n{why}") from error

    def _ensure_secrets(self) -> None:
        """Create each Secret once: what runs keeps its passwords.

        Raises:
            UsageError: an older kubedrill made one that lacks what the manifests ask for.
        """
        for secret in manifests.new_secrets():
            name = secret["metadata"]["name"]
            try:
                self._api.core.create_namespaced_secret(self.namespace, secret)
            except ApiException as error:
                if error.status != 409:
                    raise
                live = self._api.core.read_namespaced_secret(name, self.namespace).data or {}
                if missing := sorted(secret["data"].keys() - live.keys()):
                    old = "an older kubedrill deployed it. Run first: kubedrill app remove"
                    raise UsageError(f"Secret {name} has no {', '.join(missing)}: {old}") from error

    def _keep_what_changed(self, objects: list[dict[str, Any]]) -> None:
        """Keep the number of web pods that the autoscaler chose, and the rotated greeting."""
        web = self._live_web()
        if web is None:
            return
        manifests.named(objects, "Deployment", "web")["spec"]["replicas"] = web.spec.replicas
        for live in self._api.core.list_namespaced_config_map(self.namespace).items:
            if live.metadata.name == manifests.GREETING:
                manifests.named(objects, "ConfigMap", manifests.GREETING)["data"] = live.data

    def _live_web(self) -> Any:
        with missing_is_fine():
            return self._api.apps.read_namespaced_deployment("web", self.namespace)
        return None

    def _component(self, kind: str, name: str, pods: list[Any]) -> Component:
        mine = [
            pod for pod in pods if (pod.metadata.labels or {}).get("app.kubernetes.io/name") == name
        ]
        ready = sum(condition_is_true(pod, "Ready") for pod in mine)
        nodes = {pod.metadata.name: pod.spec.node_name or "" for pod in mine}
        with missing_is_fine():
            problem = self._api.rollout_problem(kind, self.namespace, name) or ""
            replicas = int(self._api.workload(kind, self.namespace, name).spec.replicas)
            return Component(name, replicas, ready, nodes, problem)
        return Component(name, 0, ready, nodes, "it does not exist")

    def _pods(self) -> list[Any]:
        return self._api.pods(self.namespace, manifests.SELECTOR)

    def _volumes_left(self) -> str | None:
        volumes = self._api.core.list_persistent_volume().items
        mine = [
            v for v in volumes if v.spec.claim_ref and v.spec.claim_ref.namespace == self.namespace
        ]
        return ", ".join(f"{v.metadata.name} ({v.status.phase})" for v in mine) or None
