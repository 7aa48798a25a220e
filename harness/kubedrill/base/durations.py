"""Durations as people write them: 90s, 15m, 1h 30m."""

from __future__ import annotations

import re
from typing import Any

_DURATION = re.compile(r"(?:([0-9]{1,9})h)? ?(?:([0-9]{1,9})m)? ?(?:([0-9]{1,9})s)?")


def read_duration(text: Any) -> int:
    """Return the seconds of a duration; a bare number is in seconds.

    >>> read_duration("1h 30m"), read_duration("90s"), read_duration(45)
    (5400, 90, 45)

    Raises:
        ValueError: it is none.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match or not any(match.groups()):
        raise ValueError("expected a duration such as 90s, 15m or 2h")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest
