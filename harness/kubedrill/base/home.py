"""Paths that begin with ~, as people write them."""

from __future__ import annotations

from pathlib import Path

from kubedrill.base.errors import UsageError


def expand_home(path: str | Path, what: str) -> Path:
    """Return a path with its ~ or ~user replaced.

    >>> expand_home("/var/cache", "KUBEDRILL_CACHE")
    PosixPath('/var/cache')

    Raises:
        UsageError: there is no such user; ``what`` says where the path was written.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = str(path).split("/", maxsplit=1)[0][1:] or "you"
        raise UsageError(
            f"{what} is {str(path)[:200]!r}: no home directory of {user} is known here; "
            "write the path without ~"
        ) from None
