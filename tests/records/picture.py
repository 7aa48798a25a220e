"""Takes the README's picture of a report: ``python tests/records/picture.py
[reports/RUN/index.html]``.

Without a run it shows a made-up one, of tests/records/scenarios.py.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from playwright.sync_api import sync_playwright
from scenarios import failover, upgrade

from kubedrill.report import write_report
from kubedrill.verdict import judge

QUIET = (
    *("--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
"""The browser asks the network for nothing."""

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "report.png"


def main() -> None:
    """Write docs/images/report.png: the head of the page and the first drill whole."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_path = Path(sys.argv[1]).resolve() if sys.argv[1:] else made_up(Path(folder))
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", *QUIET]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto(page_path.as_uri())
        page.locator(".timeline .plot").first.scroll_into_view_if_needed()
        page.wait_for_function("document.querySelector('.timeline').dataset.to")
        bottom = page.evaluate(
            "document.querySelector('.drill').getBoundingClientRect().bottom + scrollY"
        )
        page.evaluate("scrollTo(0, 0)")
        page.set_viewport_size({"width": 1280, "height": int(bottom) + 16})
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURE)
        browser.close()


def made_up(folder: Path) -> Path:
    """A report of two drills; the upgrade has an outage longer than its limit."""
    records = [upgrade(outage_s=2.6), failover()]
    return write_report(
        folder / "20261121-043000", records, [judge(record) for record in records], not_run={}
    )


if __name__ == "__main__":
    main()
