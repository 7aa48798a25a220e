"""Whether rendered objects, or those in the cluster, fit what ``app:`` says. All pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedrill.apps.render import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.config.app import AppSettings

NO_ADDRESS = ("None", "")


def find_mistakes(app: AppSettings, objects: Sequence[dict[str, Any]]) -> list[str]:
    """Describe everything that does not fit, by its place in the configuration."""
    return [
        *_strangers(app, objects),
        *_workload_mistakes(app, objects),
        *_service_mistakes(app, objects),
        *_node_port_mistakes(app, objects),
    ]


def workload(app: AppSettings, objects: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The Deployment or StatefulSet that ``app.workload`` names."""
    return next(
        (o for o in objects if o["kind"] == app.kind and o["metadata"]["name"] == app.name), None
    )


def workloads(objects: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Kind and name of everything that is rolled out: all of it has to be complete."""
    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    return [(obj["kind"], obj["metadata"]["name"]) for obj in objects if obj["kind"] in kinds]


def selector_text(selector: dict[str, Any]) -> str:
    """Write a label selector as the API's query takes it.

    >>> exists = {"key": "tier", "operator": "Exists"}
    >>> selector_text({"matchLabels": {"app": "shop"}, "matchExpressions": [exists]})
    'app=shop,tier'
    """
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or []:
        key, values = each["key"], ",".join(each.get("values") or [])
        written = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        parts.append(written[each["operator"]])
    return ",".join(parts)


def _strangers(app: AppSettings, objects: Sequence[dict[str, Any]]) -> list[str]:
    """Objects of other namespaces.

    Drills look at one, and kubedrill would have to clean up in them.
    """
    spaces = [
        (obj, obj["metadata"].get("namespace", app.namespace))
        for obj in objects
        if obj["kind"] != "Namespace"
    ]
    made = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace"]
    return [
        *(
            f"{label(obj)} is in namespace {name}; app.namespace is {app.namespace}"
            for obj, name in spaces
            if name != app.namespace
        ),
        *(
            f"Namespace {name} is another one than app.namespace, {app.namespace}"
            for name in made
            if name != app.namespace
        ),
    ]


def _workload_mistakes(app: AppSettings, objects: Sequence[dict[str, Any]]) -> list[str]:
    rendered = workload(app, objects)
    if rendered is None:
        there = ", ".join(f"{kind.lower()}/{name}" for kind, name in workloads(objects)) or "none"
        return [f"app.workload: there is no {app.workload}; there are: {there}"]
    if rendered.get("spec", {}).get("replicas", 1) == 0:
        return [f"app.workload: {app.workload} has 0 replicas, so nothing would answer"]
    return []


def _service_mistakes(app: AppSettings, objects: Sequence[dict[str, Any]]) -> list[str]:
    inside = app.endpoints.inside
    services = {
        obj["metadata"]["name"]: obj.get("spec", {}) for obj in objects if obj["kind"] == "Service"
    }
    spec = services.get(inside.service)
    if spec is None:
        there = ", ".join(services) or "none"
        return [
            (
                f"app.endpoints.inside.service: there is no Service {inside.service}; there are: "
                f"{there}"
            )
        ]
    if spec.get("type") == "ExternalName" or spec.get("clusterIP", "later") in NO_ADDRESS:
        return [
            (
                f"app.endpoints.inside.service: {inside.service} has no address of its own "
                "(headless); name one that has"
            )
        ]
    ports = [port.get("port") for port in spec.get("ports") or []]
    if inside.port not in ports:
        return [
            (
                f"app.endpoints.inside.port: {inside.service} has no port {inside.port}; it has: "
                f"{ports}"
            )
        ]
    return []


def _node_port_mistakes(app: AppSettings, objects: Sequence[dict[str, Any]]) -> list[str]:
    expected = app.endpoints.outside.node_port
    ports = [
        port["nodePort"]
        for obj in objects
        if obj["kind"] == "Service"
        for port in obj.get("spec", {}).get("ports") or []
        if port.get("nodePort")
    ]
    if expected is None or expected in ports:
        return []
    return [
        (
            f"app.endpoints.outside.node_port: no Service has node port {expected}; there are: "
            f"{ports or 'none'}"
        )
    ]
