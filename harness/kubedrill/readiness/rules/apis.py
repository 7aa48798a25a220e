"""Deprecated and removed APIs in use: by whom, and which objects."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from kubedrill.readiness.model import known
from kubedrill.readiness.rules.common import blocker, info, several, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import ApiUse, DeprecatedApi, Issue, Snapshot


def requested(snapshot: Snapshot) -> Iterator[Issue]:
    """What API servers were asked for since they started (apiserver_requested_deprecated_apis)."""
    servers: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    items: dict[tuple[str, str, str], DeprecatedApi] = {}
    requests: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, server in known(snapshot.api_servers).items():
        for item in server.deprecated:
            key = (item.group_version, item.resource, item.removed_release)
            items[key] = item
            servers[key].append(name)
            for verb, count in item.requests.items():
                requests[key][verb] += count
    for key, item in sorted(items.items()):
        yield _requested(snapshot, item, servers[key], requests[key])


def _requested(
    snapshot: Snapshot, item: DeprecatedApi, servers: list[str], requests: dict[str, int]
) -> Issue:
    subject = f"API {item.group_version} {item.resource}"
    asked = ", ".join(f"{verb} {count}" for verb, count in sorted(requests.items()))
    actual = (
        f"{item.group_version} {item.resource} is used by {users(snapshot, item)}; asked on "
        f"{', '.join(servers)}"
    )
    actual += f" ({asked} since their start)" if asked else ""
    if not item.removed_release:
        return info(subject, f"{actual}; deprecated, no release removes it yet")
    action = (
        "move these clients and manifests to the newer version; an audit log names clients "
        "that only read"
    )
    removed = tuple(int(part) for part in item.removed_release.split("."))
    if removed <= snapshot.target[:2]:
        return blocker(subject, actual, f"no use: {item.removed_release} removes it", action)
    return warning(
        subject, actual, f"no use before {item.removed_release}, which removes it", action
    )


def users(snapshot: Snapshot, item: DeprecatedApi) -> str:
    """Who wrote objects through an API, and which."""
    if not snapshot.uses.known:
        return "unknown clients"
    mine = [
        use
        for use in snapshot.uses.get()
        if (use.group_version, use.resource) == (item.group_version, item.resource)
    ]
    return (
        managers(mine) if mine else "clients that wrote no object by it (the API does not say who)"
    )


def managers(uses: list[ApiUse]) -> str:
    """Managers and the objects that each wrote.

    >>> from kubedrill.readiness.model import ApiUse
    >>> managers([ApiUse("g/v1beta1", "things", "shop/web", "helm", "")])
    'helm (shop/web)'
    """
    objects: dict[str, list[str]] = defaultdict(list)
    for use in uses:
        objects[use.manager].append(use.name)
    return ", ".join(
        f"{manager} ({several(sorted(set(names)))})" for manager, names in sorted(objects.items())
    )


def stored(snapshot: Snapshot) -> Iterator[Issue]:
    """Objects written through an alpha or beta version that no API server calls deprecated."""
    counted = {
        (item.group_version, item.resource)
        for server in known(snapshot.api_servers).values()
        for item in server.deprecated
    }
    grouped: dict[tuple[str, str], list[ApiUse]] = defaultdict(list)
    for use in snapshot.uses.get():
        if (use.group_version, use.resource) not in counted:
            grouped[use.group_version, use.resource].append(use)
    for (version, resource), uses in sorted(grouped.items()):
        yield warning(
            f"API {version} {resource}",
            f"objects were written through it by {managers(uses)}",
            "a stable version: alpha and beta versions are removed after some releases",
            f"write them by the version that `kubectl explain {resource}` shows",
        )
