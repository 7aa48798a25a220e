"""The application's manifests, as plain objects with the image of one version."""

from __future__ import annotations

import base64
import secrets
from importlib.resources import files
from typing import Any

import yaml

NAMESPACE = "kubedrill-app"
NAME = "hello"
SELECTOR = f"app.kubernetes.io/name={NAME}"
IMAGE = "docker.io/kubedrill/hello"
VERSIONS = ("v1", "v2")
"""The versions whose images a release bundle holds (docs/explanation/architecture.md)."""


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
