"""Counts what etcd holds by kind, as a backup's manifest says it.

Modules on nodes and the harness use it: Python 3.9.
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "/registry/"
SPLIT = "services"
"""Is no group, and has a word more all the same: services/specs and services/endpoints."""


def kind_of(key: str) -> str:
    """The kind that a key of Kubernetes belongs to; another key is a kind by itself.

    >>> kind_of("/registry/pods/kube-system/etcd-cp1"), kind_of("/registry/services/specs/a/b")
    ('pods', 'services/specs')
    >>> kind_of("/registry/apps.example.org/widgets/a/b"), kind_of("compact_rev_key")
    ('apps.example.org/widgets', 'compact_rev_key')
    """
    if not key.startswith(PREFIX):
        return key
    first, *rest = key[len(PREFIX) :].split("/")
    if rest and ("." in first or first == SPLIT):
        return f"{first}/{rest[0]}"
    return first


def count_kinds(keys: Iterable[str]) -> dict[str, int]:
    """How many keys there are of each kind, by the names of the kinds."""
    return dict(sorted(Counter(map(kind_of, keys)).items()))


def keys_of(answer: Mapping[str, Any]) -> list[str]:
    """The keys of what ``etcdctl get --keys-only -w json`` printed."""
    return [
        base64.b64decode(pair["key"]).decode("utf-8", "backslashreplace")
        for pair in answer.get("kvs") or ()
    ]
