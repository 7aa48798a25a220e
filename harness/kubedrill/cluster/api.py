"""The cluster's API, called through the virtual address."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from kubernetes import client

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import kube_api
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster import etcd
from kubedrill.cluster.api_client import (
    ApiUnavailable,
    DeadlineApiClient,
    ServerFailed,
    make_client,
)
from kubedrill.cluster.kubeconfig import (
    ADMIN_CONF,
    fetch_admin_conf,
    through_virtual_address,
    write_client_cert,
    write_private,
)
from kubedrill.cluster.object_client import ObjectClient, missing_is_fine
from kubedrill.cluster.objects import condition_is_true, rollout_problem
from kubedrill.cluster.virtual_address import vip_holder, vip_holders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

__all__ = ["ADMIN_CONF", "ApiUnavailable", "ClusterApi", "condition_is_true"]


class ClusterApi(ObjectClient):
    """The clients of one cluster, each call with a deadline.

    timeouts.api_call unless it names its own.

    ``core``, ``apps``, ``policy``, … are the Kubernetes Python client's own API objects.
    """

    client_class: type[DeadlineApiClient] = DeadlineApiClient

    def __init__(
        self, kubeconfig: Path, inventory: Inventory, hosts: Hosts, settings: Settings
    ) -> None:
        self.kubeconfig_path = kubeconfig
        self.inventory, self.hosts, self.settings = inventory, hosts, settings
        self.client: Any = make_client(kubeconfig, settings.timeouts.api_call, self.client_class)
        self.core: Any = client.CoreV1Api(self.client)
        self.apps: Any = client.AppsV1Api(self.client)
        self.policy: Any = client.PolicyV1Api(self.client)
        self.storage: Any = client.StorageV1Api(self.client)
        self.discovery: Any = client.DiscoveryV1Api(self.client)
        self.coordination: Any = client.CoordinationV1Api(self.client)
        self.custom: Any = client.CustomObjectsApi(self.client)
        self.version: Any = client.VersionApi(self.client)
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def connect(cls, inventory: Inventory, hosts: Hosts, settings: Settings) -> Self:
        """Fetch admin.conf from a control plane and point it at the virtual address.

        The file is 0600 in a private directory, and removed by :meth:`close`.

        Raises:
            Unreachable: no control plane gave it; says what each answered.
        """
        text = fetch_admin_conf(inventory, hosts)
        directory = tempfile.TemporaryDirectory(prefix="kubedrill-api-")
        path = Path(directory.name) / "kubeconfig"
        write_private(path, through_virtual_address(text, inventory.api_url))
        api = cls(path, inventory, hosts, settings)
        api._directory = directory
        return api

    def close(self) -> None:
        """Close connections and remove the kubeconfig."""
        self.client.close()
        if self._directory is not None:
            self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # nodes and pods

    def nodes(self) -> list[Any]:
        """Return all V1Node objects."""
        return list(self.core.list_node().items)

    def node(self, name: str) -> Any:
        """Return one V1Node."""
        return self.core.read_node(name)

    def ready(self, node: str | Any) -> bool:
        """Whether a node (name or V1Node) is Ready: its condition says exactly "True"."""
        return condition_is_true(self.node(node) if isinstance(node, str) else node, "Ready")

    def pods(self, namespace: str = "", selector: str = "", node: str = "") -> list[Any]:
        """V1Pod objects, of all namespaces unless one is named.

        ``selector`` is a label selector.
        """
        kwargs: dict[str, Any] = {"label_selector": selector} if selector else {}
        if node:
            kwargs["field_selector"] = f"spec.nodeName={node}"
        if namespace:
            return list(self.core.list_namespaced_pod(namespace, **kwargs).items)
        return list(self.core.list_pod_for_all_namespaces(**kwargs).items)

    def cordon(self, node: str, on: bool = True) -> None:
        """Set or clear a node's unschedulable mark."""
        self.core.patch_node(node, {"spec": {"unschedulable": True if on else None}})

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> kube_api.Answer:
        """Send one request for what the collection shares with this host, such as drains.

        Raises:
            kube_api.ApiUnavailable: there was no answer; a status of any kind is one.
        """
        content_type = kube_api.CONTENT_TYPES.get(method, "application/json")
        request = self.client.param_serialize(
            method,
            path,
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self.client.call_api(*request)
        except ServerFailed as error:
            return kube_api.make_answer(error.status, error.body)
        except ApiUnavailable as error:
            raise kube_api.ApiUnavailable(str(error)) from error
        retry_after = response.headers.get("Retry-After")
        return kube_api.make_answer(response.status, response.read() or b"", retry_after)

    # workloads and namespaces

    def rollout_problem(self, kind: str, namespace: str, name: str) -> str | None:
        """Describe what a workload is missing; None when it is complete."""
        return rollout_problem(kind, self.workload(kind, namespace, name))

    def workload(self, kind: str, namespace: str, name: str) -> Any:
        """Return a Deployment, DaemonSet or StatefulSet."""
        read: Callable[..., Any] = {
            "Deployment": self.apps.read_namespaced_deployment,
            "DaemonSet": self.apps.read_namespaced_daemon_set,
            "StatefulSet": self.apps.read_namespaced_stateful_set,
        }[kind]
        return read(name, namespace)

    def wait_rollout(self, kind: str, namespace: str, name: str) -> None:
        """Wait (timeouts.rollout) until a Deployment, DaemonSet or StatefulSet is complete."""
        self.wait(
            f"{kind} {namespace}/{name} to be complete",
            lambda: self.rollout_problem(kind, namespace, name),
            setting="rollout",
        )

    def remove_namespace(self, name: str) -> None:
        """Delete a namespace of kubedrill's own with all in it, and wait until it is gone.

        timeouts.namespace_gone.

        Its pods get one second and not their grace period: nothing uses them any more. The
        namespace controller first looks 5 s after the order (its namespaceDeletionGracePeriod);
        were pods left by then, it would look again when half of the longest grace period is over.
        """
        with missing_is_fine():
            self.core.delete_namespace(name)
            self.core.delete_collection_namespaced_pod(name, grace_period_seconds=1)
        self.wait_namespace_gone(name)

    def wait_namespace_gone(self, name: str) -> None:
        """Wait (timeouts.namespace_gone) until a namespace is deleted."""

        def find_problem() -> str | None:
            with missing_is_fine():
                status = self.core.read_namespace(name).status
                left = [c.message for c in status.conditions or [] if c.status == "True"]
                return f"{status.phase} {'; '.join(left)}".strip()
            return None

        self.wait(f"namespace {name} to be gone", find_problem, setting="namespace_gone")

    def wait(
        self,
        what: str,
        find_problem: Callable[[], str | None],
        *,
        setting: str,
        poll_s: float = 0.5,
    ) -> None:
        """Wait (timeouts.``setting``) until ``find_problem`` returns None.

        An API that does not answer is one more problem.
        """

        def probe() -> bool | Waiting:
            try:
                problem = find_problem()
            except ApiUnavailable as error:
                return Waiting(str(error))
            return True if problem is None else Waiting(problem)

        wait_for(
            what,
            probe,
            seconds=getattr(self.settings.timeouts, setting),
            setting=setting,
            poll_s=poll_s,
        )

    def events(self, namespace: str = "", since: str = "") -> list[Any]:
        """CoreV1Event objects, oldest first.

        ``since`` is a resource version to leave out older ones.
        """
        listed = (
            self.core.list_namespaced_event(namespace)
            if namespace
            else self.core.list_event_for_all_namespaces()
        )
        newer = [
            e for e in listed.items if not since or int(e.metadata.resource_version) > int(since)
        ]
        return sorted(newer, key=lambda e: int(e.metadata.resource_version))

    def pod_get(self, namespace: str, pod: str, path: str = "/", port: int = 8080) -> str:
        """GET from a pod's port through the API server's proxy; returns the body.

        Raises:
            ApiUnavailable: 5xx, also when the pod does not answer.
            ApiException: 4xx.
        """
        url = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path.lstrip('/')}"
        return self.get_raw(url)

    def get_raw(self, path: str) -> str:
        """GET a path of the API server ("/readyz", "/api/v1/nodes/w1/proxy/configz", …)."""
        headers = {"Accept": "*/*"}
        request = self.client.param_serialize(
            "GET", path, header_params=headers, auth_settings=["BearerToken"]
        )
        response = self.client.call_api(*request)
        body = (response.read() or b"").decode(errors="replace")
        if not 200 <= response.status <= 299:
            raise client.ApiException(status=response.status, reason=body[:300])
        return body

    # control plane

    def etcd_members(self) -> list[etcd.Member]:
        """Members of etcd as the etcd of each control plane reports them.

        See :func:`kubedrill.cluster.etcd.read_members`.
        """
        return etcd.read_members(self.hosts, self.inventory)

    def etcd_leader(self) -> str | None:
        """Name of the node whose etcd leads, None while there is none or the members disagree."""
        return etcd.leader(self.etcd_members())

    def vip_holders(self) -> list[str]:
        """Names of the control planes that hold the virtual address now.

        A node that does not answer holds nothing.
        """
        return vip_holders(self.hosts, self.inventory)

    def vip_holder(self) -> str:
        """Name of the one control plane that holds the virtual address.

        Raises:
            StepFailed: none or several hold it, or there is no such address.
        """
        return vip_holder(self.hosts, self.inventory)

    def client_cert_files(self) -> tuple[Path, Path, Path]:
        """Write the CA, client certificate and key (0600, removed by close) for probes."""
        return write_client_cert(self.kubeconfig_path)
