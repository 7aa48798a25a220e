"""Objects of any kind, created, read and deleted through the dynamic client."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kubernetes import client
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ResourceNotFoundError

from kubedrill.base.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FIELD_MANAGER = "kubedrill"


class ObjectClient:
    """What a manifest holds, by its apiVersion and kind."""

    client: Any
    kubeconfig_path: Path

    @cached_property
    def dynamic(self) -> Any:
        """The dynamic client: any kind of object by its apiVersion and kind."""
        make: Any = DynamicClient
        return make(self.client, cache_file=str(self.kubeconfig_path.with_name("discovery.json")))

    def apply(self, objects: Iterable[dict[str, Any]]) -> None:
        """Create or update objects in order, by server-side apply as field manager "kubedrill"."""
        for obj in objects:
            self._resource(obj).server_side_apply(
                body=obj,
                name=obj["metadata"]["name"],
                namespace=obj["metadata"].get("namespace"),
                field_manager=FIELD_MANAGER,
                force_conflicts=True,
            )

    def delete(self, objects: Iterable[dict[str, Any]]) -> None:
        """Ask to delete objects in the reverse of their order; those that do not exist are fine.

        Does not wait.
        """
        for obj in reversed(list(objects)):
            with missing_is_fine():
                self._resource(obj).delete(
                    name=obj["metadata"]["name"],
                    namespace=obj["metadata"].get("namespace"),
                    body={"propagationPolicy": "Background"},
                )

    def read(self, obj: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is in the cluster under an object's kind and name, or None.

        Raises as :meth:`namespaced`.
        """
        self.namespaced(obj)
        with missing_is_fine():
            result = self._resource(obj).get(
                name=obj["metadata"]["name"], namespace=obj["metadata"].get("namespace")
            )
            return dict(result.to_dict())
        return None

    def namespaced(self, obj: dict[str, Any]) -> bool:
        """Whether objects of this kind stand in a namespace.

        Raises:
            StepFailed: the cluster knows no such kind.
        """
        try:
            return bool(self._resource(obj).namespaced)
        except ResourceNotFoundError as error:
            kind = f"{obj['apiVersion']} {obj['kind']}"
            raise StepFailed(
                f"the cluster knows no {kind}: install its CustomResourceDefinition first"
            ) from error

    def _resource(self, obj: dict[str, Any]) -> Any:
        """Look the kind up in its own API group only.

        An aggregated API that is down must not be in the way.
        """
        prefix = "apis" if "/" in obj["apiVersion"] else "api"
        return self.dynamic.resources.get(
            prefix=prefix, api_version=obj["apiVersion"], kind=obj["kind"]
        )


@contextmanager
def missing_is_fine() -> Iterator[None]:
    """Pass over the API's 404."""
    try:
        yield
    except client.ApiException as error:
        if error.status != 404:
            raise
