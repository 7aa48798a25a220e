"""What a bundle's bundle.json may call its parts: their paths and images become words of commands.

Pure functions, used by preflight, by the module that installs parts, and by the harness.
"""

from __future__ import annotations

import re
from typing import Any

_PATH = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*/)*[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@+-]*")
_LONGEST = 400


def is_part_path(path: Any) -> bool:
    """Whether a text is the path of a file in a bundle.

    >>> [is_part_path(each) for each in ("images/core-dns.tar", "../bin/sh", "-x", "a b", "/a", "")]
    [True, False, False, False, False, False]
    """
    return isinstance(path, str) and len(path) <= _LONGEST and _PATH.fullmatch(path) is not None


def is_image(reference: Any) -> bool:
    """Whether a text can be an image's reference, and no option of what imports it.

    >>> [is_image(each) for each in ("registry.k8s.io/pause:3.10", "--all", "a b", "")]
    [True, False, False, False]
    """
    return (
        isinstance(reference, str)
        and len(reference) <= _LONGEST
        and _IMAGE.fullmatch(reference) is not None
    )
