"""Text that a terminal shows and does not obey."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What moves the cursor, starts an escape sequence or turns the direction of writing. Not the ends
of lines and tabs."""


def printable(text: str) -> str:
    r"""Escape control characters in text that came from elsewhere, such as a record's names.

    >>> print(printable("w1\x1b[2J\rPASS"))
    w1\x1b[2J\rPASS
    """
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)
