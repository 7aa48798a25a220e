"""What the suites of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def before_install() -> Path:
    """File with what the nodes were like before site.yml first ran."""
    return ROOT / ".vagrant" / "kubedrill" / "before-install.json"
