"""The one configuration file, ``kubedrill.yml``.

Typed, optional, with every mistake reported at once.
"""

from kubedrill.config.settings import (
    DATABASE_VARIABLE,
    DEFAULT_FILE,
    GameDay,
    History,
    Load,
    Notify,
    Probes,
    Settings,
    load_settings,
)
from kubedrill.config.timeouts import Timeouts

__all__ = [
    "DATABASE_VARIABLE",
    "DEFAULT_FILE",
    "GameDay",
    "History",
    "Load",
    "Notify",
    "Probes",
    "Settings",
    "Timeouts",
    "load_settings",
]
