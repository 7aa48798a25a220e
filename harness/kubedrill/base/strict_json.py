"""JSON without its traps: no key twice in one object, no depth that ends Python."""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 100
"""Deeper values cannot be written again: pydantic ends at 255, and a document is around them."""

_DEEP = "its values are nested too deeply"
BROKEN = "has half of a character, as \\ud800 is; write the whole one"


class RepeatedKey(ValueError):
    """A key stands twice in one JSON object: which one counts would depend on the reader."""


def load_json(text: str | bytes) -> Any:
    """Load JSON as :func:`json.loads`.

    Raises RepeatedKey for a key that stands twice, and ValueError for what is not JSON, is nested
    too deeply, or has half of a character.
    """
    try:
        value = json.loads(text, object_pairs_hook=_each_once)
        if _depth(value) > DEEPEST:
            raise ValueError(_DEEP)
        if _has_surrogate(text) and is_broken(json.dumps(value, ensure_ascii=False)):
            raise ValueError(f"a text {BROKEN}")
    except RecursionError:
        raise ValueError(_DEEP) from None
    return value


def is_broken(text: str) -> bool:
    r"""Tell whether a text cannot be written, as it has half of a surrogate pair.

    >>> is_broken("\ud83d"), is_broken("\U0001f600")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _depth(value: Any) -> int:
    """How many objects and lists stand in one another.

    >>> _depth(1), _depth([]), _depth({"a": [1, {}]})
    (0, 1, 3)
    """
    depth, level = 0, [value] if isinstance(value, dict | list) else []
    while level:
        depth += 1
        parts = [each.values() if isinstance(each, dict) else each for each in level]
        level = [child for part in parts for child in part if isinstance(child, dict | list)]
    return depth


def _has_surrogate(text: str | bytes) -> bool:
    """Tell whether JSON escapes half of a surrogate pair, or both."""
    return bool(re.search(rb"\\u[dD][89a-fA-F]", text.encode() if isinstance(text, str) else text))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise RepeatedKey(f"{repeated!r} twice in one object")
    return values
