"""Settings, with the drills that they name looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill import config

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def load_settings(path: Path | None = None) -> config.Settings:
    """Read a configuration file; a drill in it that does not exist is a mistake.

    Raises:
        ConfigErrors: the file cannot be read or holds mistakes; each is listed with its place.
    """
    return config.load_settings(path, known_drills)


def known_drills() -> Collection[str]:
    """Names of all drills.

    They are imported only where a file names any: that takes longer than most commands do.
    """
    from kubedrill.drills import ALL  # noqa: PLC0415 - see above

    return ALL
