"""Objects against the Kubernetes Python client's own models.

Unknown fields, wrong types, missing ones. No cluster.
"""

from __future__ import annotations

from typing import Any

from kubernetes import client
from pydantic import ValidationError

_GROUPS_WITHOUT_PREFIX = ("", "apps", "batch", "policy", "autoscaling")


def mistakes(obj: dict[str, Any]) -> list[str]:
    """Return an object's unknown and missing fields, and those of a wrong type."""
    group, _, version = obj["apiVersion"].rpartition("/")
    assert group in _GROUPS_WITHOUT_PREFIX or group.endswith(".k8s.io")
    model: Any = getattr(client, f"{version[:1].upper()}{version[1:]}{obj['kind']}")
    try:
        model.model_validate(obj, by_alias=True, by_name=False, extra="forbid")
    except ValidationError as error:
        name = f"{obj['kind']}/{obj['metadata']['name']}"
        return [
            f"{name}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        ]
    return []
