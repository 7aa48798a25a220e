"""Deprecated APIs: which clients use them, and which objects were stored through them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kubedrill.readiness.model import ApiServer, ApiUse, DeprecatedApi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kubedrill.cluster.read_only import ReadOnlyApi

_LINE = re.compile(
    r"^(apiserver_requested_deprecated_apis|apiserver_request_total)\{(.*)\} (\S+)$", re.MULTILINE
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_UNSTABLE = re.compile(r"v\d+(alpha|beta)\d+")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def read_server(api: ReadOnlyApi) -> ApiServer:
    """Ask one API server for its version and metrics.

    Raises:
        ApiUnavailable: no answer.
        ApiException: it refused.
    """
    version: str = api.version.get_code().git_version
    return ApiServer(version, deprecated_apis(api.get_raw("/metrics")))


def deprecated_apis(metrics: str) -> tuple[DeprecatedApi, ...]:
    """Read ``apiserver_requested_deprecated_apis`` and the requests for each verb.

    >>> metric = 'apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",'
    >>> metric += 'removed_release="1.32",resource="flowschemas",version="v1beta3"} 1'
    >>> deprecated_apis(metric)[0].group_version
    'flowcontrol.apiserver.k8s.io/v1beta3'
    """
    requests: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    removed: dict[tuple[str, str, str], str] = {}
    for name, text, value in _LINE.findall(metrics):
        labels = dict(_LABEL.findall(text))
        key = (labels.get("group", ""), labels.get("version", ""), labels.get("resource", ""))
        if name == "apiserver_request_total":
            requests[key][labels.get("verb", "")] += int(float(value))
        elif float(value) > 0:
            removed[key] = labels.get("removed_release", "")
    return tuple(
        DeprecatedApi(*key, when, dict(requests.get(key, {})))
        for key, when in sorted(removed.items())
    )


def read_uses(api: ReadOnlyApi, deprecated: Iterable[DeprecatedApi]) -> tuple[ApiUse, ...]:
    """Find objects that were written through a deprecated, alpha or beta version.

    Lists the metadata of the resources of groups that serve such a version, by the version that
    their group prefers.
    """
    flagged = {(item.group_version, item.resource) for item in deprecated}
    uses: list[ApiUse] = []
    for group in api.get_json("/apis").get("groups") or []:
        preferred = group["preferredVersion"]["groupVersion"]
        others = {entry["groupVersion"] for entry in group["versions"]} - {preferred}
        unstable = {one for one in others if _UNSTABLE.fullmatch(one.split("/")[-1])}
        old = unstable | {one for one, _ in flagged if one in others}
        if old:
            uses += _uses_of_group(api, preferred, old)
    return tuple(dict.fromkeys(uses))


def _uses_of_group(api: ReadOnlyApi, preferred: str, old: set[str]) -> Iterator[ApiUse]:
    for resource in api.get_json(f"/apis/{preferred}").get("resources") or []:
        if "/" not in resource["name"] and "list" in resource["verbs"]:
            for metadata in api.metadata(f"/apis/{preferred}/{resource['name']}"):
                yield from uses_of_object(metadata, resource["name"], old)


def uses_of_object(metadata: dict[str, Any], resource: str, old: set[str]) -> Iterator[ApiUse]:
    """Tell who wrote an object through one of the old versions."""
    name = "/".join(part for part in (metadata.get("namespace", ""), metadata["name"]) if part)
    for entry in metadata.get("managedFields") or []:
        if entry.get("apiVersion") in old:
            manager = entry.get("manager", "unknown")
            yield ApiUse(entry["apiVersion"], resource, name, manager, entry.get("time", ""))
    applied = (metadata.get("annotations") or {}).get(_LAST_APPLIED)
    version = _api_version(applied) if applied else ""
    if version in old:
        yield ApiUse(version, resource, name, "last-applied-configuration")


def _api_version(applied: str) -> str:
    try:
        document = json.loads(applied)
    except ValueError:
        return ""
    return str(document.get("apiVersion", "")) if isinstance(document, dict) else ""
