"""JSON without its traps: no key twice in one object, no depth that ends Python."""

from __future__ import annotations

import json
from typing import Any


class RepeatedKey(ValueError):
    """A key stands twice in one JSON object: which one counts would depend on the reader."""


def load_json(text: str | bytes) -> Any:
    """Load JSON as :func:`json.loads`.

    Raises RepeatedKey for a key that stands twice, and ValueError for what is not JSON or is nested
    too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise RepeatedKey(f"{repeated!r} twice in one object")
    return values
