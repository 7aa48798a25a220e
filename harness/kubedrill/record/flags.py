"""Flags of samples, a byte each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Interval = tuple[int, int]


def stretches(flags: bytes | bytearray) -> Iterator[Interval]:
    r"""Places (first, last) of bytes next to one another that are not 0.

    >>> list(stretches(b"\x00\x01\x02\x00\x01"))
    [(1, 2), (4, 4)]
    """
    return ((match.start(), match.end() - 1) for match in re.finditer(rb"[^\x00]+", flags))
