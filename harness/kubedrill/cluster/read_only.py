"""SSH, API and power that only read: a dry run's, and readiness's.

What would change a node or the cluster is refused here, before it leaves this host.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode, urlsplit

from kubernetes import client

from kubedrill.base.errors import WouldTouch
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.api_client import DeadlineApiClient
from kubedrill.cluster.hosts import CommandResult, Hosts, shorten
from kubedrill.cluster.kubeconfig import through_virtual_address, write_private
from kubedrill.cluster.power import Power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.base.model import Node

_ACTIONS = re.compile(r"/(exec|attach|portforward|proxy)(/|$)")
"""Subresources that do something though they may be asked for with GET."""

_READS_BY_PROXY = re.compile(
    r"/api/v1/(nodes/[^/]+/proxy/configz|namespaces/[^/]+/pods/[^/]+/proxy/jsz)$"
)
"""The questions that go through a proxy: a kubelet's configuration, and what NATS's monitor knows
of its streams."""

_PAGE = 500
"""Objects a page, as kubectl asks."""

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def refuse_changes(method: str, url: str) -> None:
    """Let only GET through, and of these none that acts.

    >>> refuse_changes("GET", "https://cp1:6443/api/v1/pods?limit=500")
    >>> refuse_changes("PATCH", "https://cp1:6443/api/v1/nodes/w1")
    Traceback (most recent call last):
    ...
    kubedrill.base.errors.WouldTouch: the API would be asked to PATCH /api/v1/nodes/w1

    Raises:
        WouldTouch: it is anything else.
    """
    path = urlsplit(url).path
    if method != "GET" or (_ACTIONS.search(path) and not _READS_BY_PROXY.search(path)):
        raise WouldTouch(f"the API would be asked to {method} {path}")


class ReadOnlyClient(DeadlineApiClient):
    """An ApiClient that refuses every request but a read."""

    def call_api(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - as the base class
        refuse_changes(method, url)
        return super().call_api(method, url, *args, **kwargs)


class ReadOnlyApi(ClusterApi):
    """A :class:`ClusterApi` whose every request goes through :class:`ReadOnlyClient`."""

    client_class = ReadOnlyClient

    def at(self, name: str, url: str) -> ReadOnlyApi:
        """Return the same towards one API server.

        Its kubeconfig goes with this one's.
        """
        path = self.kubeconfig_path.with_name(f"{name}.kubeconfig")
        write_private(
            path, through_virtual_address(self.kubeconfig_path.read_text(encoding="utf-8"), url)
        )
        return ReadOnlyApi(path, self.inventory, self.hosts, self.settings)

    def get_json(self, path: str, accept: str = "application/json") -> dict[str, Any]:
        """GET a path and return the JSON object.

        Raises:
            ApiException: 4xx.
            ApiUnavailable: no answer or 5xx.
        """
        request = self.client.param_serialize(
            "GET", path, header_params={"Accept": accept}, auth_settings=["BearerToken"]
        )
        response = self.client.call_api(*request)
        body = response.read() or b"{}"
        if not 200 <= response.status <= 299:
            raise client.ApiException(
                status=response.status, reason=body.decode(errors="replace")[:300]
            )
        result: dict[str, Any] = json.loads(body)
        return result

    def metadata(self, path: str) -> list[dict[str, Any]]:
        """Return the metadata of all objects of a resource, page by page.

        ``path`` is that of a list, as "/apis/apps/v1/deployments".
        """
        result: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": _PAGE}
        while True:
            page = self.get_json(f"{path}?{urlencode(query)}", METADATA_ONLY)
            result += [item["metadata"] for item in page.get("items") or []]
            query["continue"] = page.get("metadata", {}).get("continue")
            if not query["continue"]:
                return result


class ReadOnlyHosts(Hosts):
    """SSH that does not send what changes a node."""

    def change(
        self,
        node: Node | str,
        argv: Sequence[str] | str,
        timeout_s: float | None = None,
        *,
        check: bool = True,
        stdin: str = "",
    ) -> CommandResult:
        """Raise WouldTouch."""
        del timeout_s, check, stdin
        raise WouldTouch(f"{self._node(node).name}: would run {shorten(argv)}")


class ReadOnlyPower(Power):
    """Tells what it could switch, and switches nothing."""

    def off(self, node: Node) -> NoReturn:
        """Raise WouldTouch."""
        raise WouldTouch(f"{node.name}: would be switched off")

    def on(self, node: Node) -> NoReturn:
        """Raise WouldTouch."""
        raise WouldTouch(f"{node.name}: would be switched on")

    def pause(self, node: Node) -> NoReturn:
        """Raise WouldTouch."""
        raise WouldTouch(f"{node.name}: would be paused")

    def resume(self, node: Node) -> NoReturn:
        """Raise WouldTouch."""
        raise WouldTouch(f"{node.name}: would be resumed")
