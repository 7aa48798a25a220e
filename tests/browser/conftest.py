"""The one browser of the session.

Two of them in one process would disturb each other's event loops.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parents[1] / "records"))

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
PATIENT_MS = 180_000
"""For what Chromium does on a crowded machine; no test waits for it to end."""


class Patient:
    """A browser whose pages have time."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def new_page(self, **options: Any) -> Any:
        """Open a page."""
        page = self._browser.new_page(**options)
        page.set_default_timeout(PATIENT_MS)
        return page


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("found no chromium, expected Debian's; run: apt-get install chromium")
    expect.set_options(timeout=PATIENT_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, timeout=PATIENT_MS
        )
        yield Patient(started)
        started.close()
