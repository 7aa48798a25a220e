"""A client that can only read.

Whatever would change something is refused here, before it leaves this host.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from kubernetes import client

from kubedrill.base.errors import KubedrillError
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.api_client import DeadlineApiClient, make_client
from kubedrill.cluster.kubeconfig import through_virtual_address, write_private

if TYPE_CHECKING:
    from pathlib import Path

_ACTS = re.compile(r"/(exec|attach|portforward|proxy)(/|$)")
"""Subresources that do something though they may be asked for with GET."""

_KUBELET_READS = re.compile(r"/api/v1/nodes/[^/]+/proxy/configz$")
"""The one question that goes through a proxy: the kubelet's configuration."""

_PAGE = 500
"""Objects a page, as kubectl asks."""

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class WouldChange(KubedrillError):
    """A request that could change the cluster was about to be made.

    A mistake in kubedrill, nothing was sent.
    """


def refuse_changes(method: str, url: str) -> None:
    """Let only GET through, and of these none that acts.

    >>> refuse_changes("GET", "https://cp1:6443/api/v1/pods?limit=500")
    >>> refuse_changes("PATCH", "https://cp1:6443/api/v1/nodes/w1")
    Traceback (most recent call last):
    ...
    kubedrill.readiness.readonly.WouldChange: readiness only reads: refused PATCH /api/v1/nodes/w1

    Raises:
        WouldChange: it is anything else.
    """
    path = urlsplit(url).path
    if method != "GET" or (_ACTS.search(path) and not _KUBELET_READS.search(path)):
        raise WouldChange(f"readiness only reads: refused {method} {path}")


class ReadOnlyClient(DeadlineApiClient):
    """An ApiClient that refuses every request but a read."""

    def call_api(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - as the base class
        refuse_changes(method, url)
        return super().call_api(method, url, *args, **kwargs)


def make_read_only(kubeconfig: Path, seconds: float) -> ReadOnlyClient:
    """Make a read-only client from a kubeconfig file; each call ends after ``seconds``."""
    able: Any = make_client(kubeconfig, seconds)
    able.close()
    return ReadOnlyClient(able.configuration, seconds)


class ReadOnlyApi(ClusterApi):
    """A :class:`ClusterApi` whose every request goes through :class:`ReadOnlyClient`."""

    make_client = staticmethod(make_read_only)

    def at(self, name: str, url: str) -> ReadOnlyApi:
        """Return the same towards one API server of its own.

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
        found: dict[str, Any] = json.loads(body)
        return found

    def metadata(self, path: str) -> list[dict[str, Any]]:
        """Return the metadata of all objects of a resource ("/apis/apps/v1/deployments"), page by page."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": _PAGE}
        while True:
            page = self.get_json(f"{path}?{urlencode(query)}", METADATA_ONLY)
            found += [item["metadata"] for item in page.get("items") or []]
            query["continue"] = page.get("metadata", {}).get("continue")
            if not query["continue"]:
                return found
