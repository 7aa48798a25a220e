"""The order service's manifests (the kustomize base beside this file), as plain objects."""

from __future__ import annotations

import base64
import secrets
from importlib.resources import files
from typing import Any

import yaml

NAMESPACE = "kubedrill-orders"
SELECTOR = "app.kubernetes.io/part-of=orders"
IMAGE = "docker.io/kubedrill/orders"
VERSIONS = ("v1", "v2")
"""The versions whose images the application bundle holds (docs/explanation/order-service.md)."""
STATEFUL = ("queue", "database")
DEPLOYMENTS = ("cache", "worker", "web", "ingress")
GREETING = "orders"
"""The ConfigMap that web greets from."""
STREAM = "ORDERS"
"""Of the queue (apps/orders/broker.py)."""
NODE_PORT, GRPC_NODE_PORT = 30081, 30091
HTTPS_NODE_PORT = 30443
"""Of the ingress."""
HOST = "orders.kubedrill.internal"
"""That the ingress serves; it also answers at every address of a node."""
QUEUE_USERS = {"a": "orders_a", "b": "orders_b"}
DATABASE_USERS = {"a": "orders_app_a", "b": "orders_app_b"}
"""The two logins that web and workers take turns with (harness/kubedrill/orders/rotation.py)."""


def load(version: str) -> list[dict[str, Any]]:
    """Return all objects but the Secrets in the kustomization's order, for one version."""
    folder = files(__package__).joinpath("kustomize")
    kustomization = yaml.safe_load(
        folder.joinpath("kustomization.yaml").read_text(encoding="utf-8")
    )
    texts = [
        folder.joinpath(name).read_text(encoding="utf-8") for name in kustomization["resources"]
    ]
    objects = [obj for text in texts for obj in yaml.safe_load_all(text) if obj]
    for obj in objects:
        if obj["kind"] in ("Deployment", "Job"):
            _set_version(obj, version)
    return objects


def workloads() -> list[tuple[str, str]]:
    """Return kind and name of every workload that runs as long as the service does."""
    stateful = [("StatefulSet", name) for name in STATEFUL]
    return [*stateful, *(("Deployment", name) for name in DEPLOYMENTS)]


def migration(version: str) -> str:
    """Return the name of a version's migration Job."""
    return f"migrate-{version}"


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """Return one object."""
    return next(obj for obj in objects if obj["kind"] == kind and obj["metadata"]["name"] == name)


def count_data_objects(objects: list[dict[str, Any]]) -> int:
    """Return how many objects it takes until database and queue stand, with all that they need."""
    return 1 + max(number for number, obj in enumerate(objects) if obj["kind"] == "StatefulSet")


def new_secrets() -> list[dict[str, Any]]:
    """Make Secrets with fresh random passwords.

    They exist in the cluster only, in no file and no log.
    """
    first = new_password()
    queue = {
        "login": f"{QUEUE_USERS['a']}:{first}",
        "password-a": first,
        "password-b": new_password(),
    }
    database = {key: new_password() for key in ("superuser", "replication", "patroni")}
    logins = {
        "owner-login": f"orders_owner:{new_password()}",
        "login": f"{DATABASE_USERS['a']}:{new_password()}",
    }
    values = {
        "queue": {**queue, "route-password": new_password()},
        "database": {**database, **logins, "next-login": ""},
        "cache": cache_secret(),
    }
    return [
        build_data_object(
            "Secret",
            name,
            {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
            type="Opaque",
        )
        for name, data in values.items()
    ]


def cache_secret() -> dict[str, str]:
    """Make the cache's Secret's contents.

    A new password, and the lines that make the cache ask for it.
    """
    password = new_password()
    return {"password": password, "auth.conf": f"requirepass {password}\n"}


def new_password() -> str:
    """Make a password that every configuration language takes for a text.

    NATS' would read 1e5 as a number.
    """
    return f"p{secrets.token_hex(24)}"


def build_data_object(kind: str, name: str, data: dict[str, str], **rest: str) -> dict[str, Any]:
    """Return a ConfigMap or Secret of the order service's."""
    labels = {"app.kubernetes.io/part-of": "orders"}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data, **rest}


def _set_version(obj: dict[str, Any], version: str) -> None:
    template = obj["spec"]["template"]
    container = template["spec"]["containers"][0]
    if not container["image"].startswith(f"{IMAGE}:"):
        return
    container["image"] = f"{IMAGE}:{version}"
    template["metadata"]["labels"]["app.kubernetes.io/version"] = version
    if obj["kind"] == "Job":
        obj["metadata"]["name"] = migration(version)
